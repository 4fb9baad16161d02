#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <boost/asio/dispatch.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "net/server_fixture.h"
#include "net/socket.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Connections that become something else.
class UpgradeTest : public ServerTest {
 protected:
  struct Upgraded {
    std::unique_ptr<Socket> socket;
    Bytes received;
  };
  // Of the next request that is held.
  std::future<Upgraded> upgrade() {
    auto upgraded = std::make_shared<std::promise<Upgraded>>();
    handler_.take()->upgrade("chat", {{"X-Kind", "upgrade"}},
                             [upgraded](std::unique_ptr<Socket> socket, Bytes received) {
                               upgraded->set_value({std::move(socket), std::move(received)});
                             });
    return upgraded->get_future();
  }
  // Runs `work` on the socket's thread, as all that is done to it must.
  static void on_thread_of(Socket& socket, const std::function<void()>& work) {
    std::promise<void> done;
    boost::asio::dispatch(socket.executor(), [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  static void send(Socket& socket, std::string_view bytes) {
    on_thread_of(socket, [&] { EXPECT_TRUE(socket.send_now(bytes)); });
  }
  static void close(std::unique_ptr<Socket> socket) {
    on_thread_of(*socket, [&] {
      socket->say_end_now();
      socket->close();
    });
  }

  static constexpr const char* kUpgrade =
      "GET /hold HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: chat\r\n\r\n";
};

INSTANTIATE_TEST_SUITE_P(, UpgradeTest, ::testing::Values(Transport::kPlain, Transport::kTls),
                         name_of);

TEST_P(UpgradeTest, AHandlerSeesWhatIsAskedFor) {
  const auto asks = [&](const std::string& version, const std::string& fields) {
    return ask("GET /upgrade%3f HTTP/" + version + "\r\nHost: h\r\n" + fields +
               "\r\nGET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  };
  // Nobody takes it, so that the connection is what it was.
  const std::string answers = asks("1.1", "Upgrade: chat/2, x\r\nConnection: x, upgrade\r\n");
  EXPECT_THAT(answers, StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(answers, HasSubstr("asks for [chat/2, x]\n"));
  EXPECT_THAT(answers, EndsWith("GET /x? \n"));
  EXPECT_THAT(asks("1.1", "Upgrade: chat\r\n"), HasSubstr("asks for []\n"));
  EXPECT_THAT(asks("1.1", "Connection: upgrade\r\n"), HasSubstr("asks for []\n"));
  EXPECT_THAT(asks("1.1", "Upgrade: chat\r\nConnection: upgrade, close\r\n"),
              EndsWith("asks for []\n"));
  EXPECT_THAT(asks("1.0", "Upgrade: chat\r\nConnection: upgrade\r\n"), EndsWith("asks for []\n"));
}

TEST_P(UpgradeTest, TheSocketAndWhatCameOnItAreHandedOver) {
  RawClient client = connect();
  client.send(std::string(kUpgrade) + "early\n bird");
  Upgraded upgraded = upgrade().get();
  EXPECT_EQ(upgraded.received, "early\n bird");
  EXPECT_EQ(upgraded.socket->has_tls(), GetParam() == Transport::kTls);
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 101 Switching Protocols\r\nX-Rqlite-Version: v1\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nX-Kind: upgrade\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nConnection: Upgrade\r\nUpgrade: chat\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("Content-")));

  send(*upgraded.socket, "hello");
  EXPECT_EQ(client.read_until("hello"), "hello");
  client.send("world");
  std::string read;
  std::promise<void> done;
  char buffer[100];
  std::function<void()> read_more = [&] {
    upgraded.socket->async_read_some(boost::asio::buffer(buffer),
                                     [&](const Socket::Error& error, std::size_t bytes) {
                                       EXPECT_FALSE(error);
                                       read.append(buffer, bytes);
                                       if (error || read.size() >= 5) return done.set_value();
                                       read_more();
                                     });
  };
  on_thread_of(*upgraded.socket, read_more);
  done.get_future().wait();
  EXPECT_EQ(read, "world");
  close(std::move(upgraded.socket));
  EXPECT_EQ(client.read_all(), "");
  EXPECT_TRUE(client.was_told_the_end());
}

TEST_P(UpgradeTest, ARequestWithABodyMayBeUpgraded) {
  RawClient client = connect();
  client.send(
      "POST /hold HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: chat\r\n"
      "Content-Length: 4\r\n\r\nbodyearly");
  Upgraded upgraded = upgrade().get();
  EXPECT_EQ(upgraded.received, "early");
  close(std::move(upgraded.socket));
}

TEST_P(UpgradeTest, ItCountsUntilItIsDestroyed) {
  RawClient client = connect();
  client.send(kUpgrade);
  std::unique_ptr<Socket> socket = std::move(upgrade().get().socket);
  EXPECT_EQ(server_->report().connections, 1u);
  on_thread_of(*socket, [&] { socket->close(); });
  EXPECT_EQ(server_->report().connections, 1u);
  socket = nullptr;
  EXPECT_EQ(server_->report().connections, 0u);
}

TEST_P(UpgradeTest, AStopLeavesItAlone) {
  RawClient client = connect();
  client.send(kUpgrade);
  std::unique_ptr<Socket> socket = std::move(upgrade().get().socket);
  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 101 "));
  server_->stop(24h);
  send(*socket, "still here");
  EXPECT_EQ(client.read_until("here"), "still here");
  close(std::move(socket));
  server_->join();
  EXPECT_EQ(client.read_all(), "");
}

TEST_P(UpgradeTest, NothingIsUpgradedWhenTheServerStops) {
  RawClient idle = connect();
  idle.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  idle.read_until("GET /x? \n");
  RawClient client = connect();
  client.send(kUpgrade);
  const std::shared_ptr<Reply> reply = handler_.take();
  std::thread stopping([&] { server_->stop(60s); });
  EXPECT_EQ(idle.read_all(), "");  // it was closed: the stop has begun
  std::shared_ptr<bool> called = std::make_shared<bool>(false);
  reply->upgrade("chat", {}, [called](std::unique_ptr<Socket>, const Bytes&) { *called = true; });
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 503 "));
  stopping.join();
  EXPECT_FALSE(*called);
  EXPECT_EQ(called.use_count(), 1);
}

TEST_P(UpgradeTest, OnlyTheFirstAnswerCounts) {
  RawClient client = connect();
  client.send(kUpgrade);
  const std::shared_ptr<Reply> reply = handler_.take();
  reply->send(Response::text(200, "no"));
  reply->upgrade("chat", {}, [](std::unique_ptr<Socket>, const Bytes&) { ADD_FAILURE(); });
  EXPECT_THAT(client.read_until("no\n"), StartsWith("HTTP/1.1 200 OK"));
  client.send("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_all(), EndsWith("GET /x? \n"));
}

// Answers with the name of its thread.
class WhoAnswers final : public Handler {
 public:
  void handle(Request, std::shared_ptr<Reply> reply) override {
    char name[16] = {};
    pthread_getname_np(pthread_self(), name, sizeof name);
    reply->send(Response::text(200, name));
  }
};

TEST(ServerThreadTest, ItsNameIsThatOfItsOwnersPort) {
  WhoAnswers handler;
  Server::Options options;
  options.host = "127.0.0.1";
  options.port = "0";
  options.thread_name = "peer";
  const auto server = Server::listen(std::move(options), handler);
  ASSERT_TRUE(server.ok());
  (*server)->start();
  RawClient client((*server)->address(), std::nullopt);
  client.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.read_all(), EndsWith("\r\n\r\npeer-1\n"));
}

}  // namespace
}  // namespace rqlite::net
