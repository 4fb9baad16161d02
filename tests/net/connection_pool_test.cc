#include "net/connection_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "net/client_fixture.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

using ConnectionPoolTest = ClientTest;

INSTANTIATE_TEST_SUITE_P(, ConnectionPoolTest,
                         ::testing::Values(Transport::kPlain, Transport::kTls), name_of);

TEST_P(ConnectionPoolTest, OnlySoManyConnectionsAreKept) {
  Client::Options keeps_one = options();
  keeps_one.idle_connections_max = 1;
  Client client(std::move(keeps_one));
  std::vector<std::promise<void>> done(3);
  for (auto& each : done) {
    client.fetch(a_call("/hold"), kMebibyte, [&](const CallResult&) { each.set_value(); });
  }
  for (std::size_t i = 0; i < done.size(); i++) handler_.take()->send(Response::text(200, "x"));
  for (auto& each : done) each.get_future().wait();
  EXPECT_EQ(only(client).dials, 3u);
  EXPECT_EQ(only(client).idle, 1u);
  EXPECT_EQ(only(client).open, 1u);
}

TEST_P(ConnectionPoolTest, ConnectionsAreNotKeptForEver) {
  Client::Options keeps_briefly = options();
  keeps_briefly.idle_max = 1ms;
  Client client(std::move(keeps_briefly));
  EXPECT_EQ(text_of(client.fetch(a_call("/x"), kMebibyte)), "200 GET /x? \n");
  while (only(client).open > 0) std::this_thread::yield();
  EXPECT_EQ(only(client).idle, 0u);
  EXPECT_EQ(only(client).dead, 0u);
}

// Connections that are kept, and what becomes of them meanwhile.
class KeptConnectionTest : public RawPeerTest {
 protected:
  // A connection over which a call was made.
  RawConnection kept() {
    auto told = begin(a_call());
    RawConnection connection = peer_.accept();
    answer(connection);
    EXPECT_EQ(text_of(told.get()), "200 hi");
    EXPECT_EQ(only(client_).idle, 1u);
    return connection;
  }
  static void answer(const RawConnection& connection) {
    (void)connection.read_until("abc");
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  }
  // A call that has to connect anew.
  void expect_another() {
    auto told = begin(a_call());
    const RawConnection connection = peer_.accept();
    answer(connection);
    EXPECT_EQ(text_of(told.get()), "200 hi");
    EXPECT_EQ(only(client_).dials, 2u);
    EXPECT_EQ(only(client_).dead, 1u);
    EXPECT_EQ(only(client_).open, 1u);
  }
};

TEST_F(KeptConnectionTest, OneThatThePeerClosedIsNotUsed) {
  kept().close();
  expect_another();
}

TEST_F(KeptConnectionTest, OneThatThePeerResetIsNotUsed) {
  kept().reset();
  expect_another();
}

TEST_F(KeptConnectionTest, OneOverWhichSomethingCameUnaskedIsNotUsed) {
  const RawConnection connection = kept();
  connection.send("HTTP/1.1 408 Too late\r\nContent-Length: 0\r\n\r\n");
  expect_another();
}

TEST_F(KeptConnectionTest, OneThatBreaksWithoutAnAnswerIsSaidToBeStale) {
  RawConnection connection = kept();
  auto told = begin(a_call());
  (void)connection.read_until("abc");
  connection.close();
  const CallResult result = told.get();
  EXPECT_EQ(result.response.status().code(), Code::kUnknown);
  EXPECT_TRUE(result.stale);
  EXPECT_TRUE(result.sent);
}

TEST_F(KeptConnectionTest, OneThatBreaksWithinAnAnswerIsNot) {
  RawConnection connection = kept();
  auto told = begin(a_call());
  (void)connection.read_until("abc");
  connection.send("H");
  connection.close();
  const CallResult result = told.get();
  EXPECT_FALSE(result.stale);
  EXPECT_THAT(text_of(result), HasSubstr("unexpected EOF"));
}

}  // namespace
}  // namespace rqlite::net
