#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "net/client_fixture.h"
#include "net/frame_stream.h"
#include "net/socket.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;
using ::testing::StartsWith;

std::future<UpgradeResult> begin_upgrade(Client& client, Call call) {
  auto told = std::make_shared<std::promise<UpgradeResult>>();
  client.upgrade(std::move(call), "chat",
                 [told](UpgradeResult result) { told->set_value(std::move(result)); });
  return told->get_future();
}

// One end of a stream, and what comes out of it.
class StreamEnd {
 public:
  StreamEnd(std::unique_ptr<Socket> socket, BytesView received)
      : stream_(
            std::make_unique<FrameStream>(std::move(socket), received, FrameStream::Options())) {
    stream_->start([this](Bytes frame) { frame_.set_value(std::move(frame)); },
                   [this](const Status&) { closed_.set_value(); });
  }
  ~StreamEnd() {
    stream_.reset();
    closed_.get_future().wait();
  }
  StreamEnd(const StreamEnd&) = delete;

  FrameStream* operator->() { return stream_.get(); }
  // The only one that comes.
  Bytes frame() { return frame_.get_future().get(); }

 private:
  std::promise<Bytes> frame_;
  std::promise<void> closed_;
  std::unique_ptr<FrameStream> stream_;
};

using ClientUpgradeTest = ClientTest;

INSTANTIATE_TEST_SUITE_P(, ClientUpgradeTest, ::testing::Values(Transport::kPlain, Transport::kTls),
                         name_of);

TEST_P(ClientUpgradeTest, BothSidesSpeakWhatTheyAgreedOn) {
  auto ours = begin_upgrade(client_, a_call("/hold"));
  std::promise<std::pair<std::unique_ptr<Socket>, Bytes>> theirs;
  handler_.take()->upgrade("chat", {}, [&](std::unique_ptr<Socket> socket, Bytes received) {
    theirs.set_value({std::move(socket), std::move(received)});
  });
  UpgradeResult result = ours.get();
  ASSERT_TRUE(result.upgraded.ok()) << result.upgraded.error().text();
  EXPECT_EQ(result.status, 101);
  EXPECT_EQ(only(client_).open, 0u);
  auto [socket, received] = theirs.get_future().get();
  StreamEnd here(std::move(result.upgraded->socket), result.upgraded->received);
  StreamEnd there(std::move(socket), received);
  EXPECT_TRUE(here->send("hello"));
  EXPECT_EQ(there.frame(), "hello");
  EXPECT_TRUE(there->send("hello yourself"));
  EXPECT_EQ(here.frame(), "hello yourself");
}

TEST_P(ClientUpgradeTest, TheServerMayRefuse) {
  for (const auto& [status, code] : {std::pair(403, Code::kInvalid), {503, Code::kUnavailable}}) {
    auto told = begin_upgrade(client_, a_call("/hold"));
    handler_.take()->send(Response::text(status, "not here"));
    const UpgradeResult result = told.get();
    EXPECT_EQ(result.status, status);
    EXPECT_EQ(result.upgraded.status(),
              Status(code, "the answer is " + std::to_string(status) + ": not here"));
  }
}

TEST_P(ClientUpgradeTest, StreamsThatAreClosedBeforeTheClientHaveEndedThen) {
  auto ours = begin_upgrade(client_, a_call("/hold"));
  handler_.take()->upgrade("chat", {}, [](std::unique_ptr<Socket>, const Bytes&) {});
  UpgradeResult result = ours.get();
  ASSERT_TRUE(result.upgraded.ok());
  FrameStream stream(std::move(result.upgraded->socket), "", {});
  bool closed = false;
  stream.start([](const Bytes&) {}, [&](const Status&) { closed = true; });
  stream.close();
  client_.close();
  EXPECT_TRUE(closed);
}

TEST_P(ClientUpgradeTest, NothingIsUpgradedWhenItIsTooLate) {
  client_.close();
  const UpgradeResult result = begin_upgrade(client_, a_call("/hold")).get();
  EXPECT_EQ(result.upgraded.status().code(), Code::kUnavailable);
  EXPECT_EQ(result.status, 0);
}

class RawUpgradeTest : public RawPeerTest {
 protected:
  // What becomes of it if the peer answers that.
  UpgradeResult upgrade(std::string_view answer) {
    Call call;
    call.address = peer_.address();
    auto told = begin_upgrade(client_, std::move(call));
    const RawConnection connection = peer_.accept();
    request_ = connection.read_until("\r\n\r\n");
    connection.send(answer);
    return told.get();
  }

  std::string request_;
};

TEST_F(RawUpgradeTest, WhatComesBehindTheAnswerIsNotLost) {
  const UpgradeResult result = upgrade(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: Chat\r\n\r\nhello");
  EXPECT_EQ(request_, "GET / HTTP/1.1\r\nHost: " + peer_.address() +
                          "\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n");
  ASSERT_TRUE(result.upgraded.ok());
  EXPECT_EQ(result.upgraded->received, "hello");
}

TEST_F(RawUpgradeTest, AnotherProtocolIsNotAccepted) {
  for (const std::string upgraded : {"Upgrade: other\r\n", ""}) {
    const UpgradeResult result =
        upgrade("HTTP/1.1 101 Switching Protocols\r\n" + upgraded + "\r\n");
    EXPECT_EQ(result.upgraded.status().code(), Code::kUnknown);
    EXPECT_THAT(result.upgraded.status().text(), StartsWith("malformed HTTP response: "));
    EXPECT_EQ(result.status, 0);
  }
}

TEST_F(RawUpgradeTest, ALongRefusalIsCutShort) {
  const UpgradeResult result =
      upgrade("HTTP/1.1 404 None\r\nContent-Length: 1000000\r\n\r\n" + std::string(1'000'000, 'x'));
  EXPECT_EQ(result.status, 404);
  EXPECT_FALSE(result.upgraded.ok());
}

TEST_F(RawUpgradeTest, ABodyHasNoPlaceInIt) {
  const UpgradeResult result = begin_upgrade(client_, a_call()).get();
  EXPECT_EQ(result.upgraded.status(),
            Status(Code::kInvalid, "a request for an upgrade has no body"));
}

}  // namespace
}  // namespace rqlite::net
