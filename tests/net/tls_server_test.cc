#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "net/server_fixture.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::StartsWith;

// What only a TLS port does.
class TlsServerTest : public AServerTest {
 protected:
  explicit TlsServerTest(ServerLimits limits = {}) : AServerTest(Transport::kTls, limits) {}

  RawClient connect_without_tls() { return RawClient(server_->address(), std::nullopt); }
};

TEST_F(TlsServerTest, ARequestInClearIsToldSo) {
  for (const std::string request :
       {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "DELETE / HTTP/1.0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
    RawClient client = connect_without_tls();
    client.send(request);
    EXPECT_EQ(client.read_all(),
              "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
    EXPECT_TRUE(client.was_told_the_end());
  }
  // Nothing of a large one keeps the answer from its client.
  RawClient client = connect_without_tls();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" +
              std::string(1'000'000, 'x'));
  EXPECT_THAT(client.read_all(), EndsWith("Client sent an HTTP request to an HTTPS server.\n"));
  EXPECT_EQ(tls_->report().sessions, 0u);
}

TEST_F(TlsServerTest, GarbageIsDropped) {
  RawClient client = connect_without_tls();
  client.send("\x01\x02\x03\x04\x05\x06\x07");
  (void)client.read_all();
  EXPECT_EQ(tls_->report().failed_handshakes, 1u);
  EXPECT_THAT(ask("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              EndsWith("GET /x? \n"));
}

TEST_F(TlsServerTest, AClientThatEndsItsSideIsGone) {
  RawClient client = connect();
  client.send("GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::shared_ptr<Reply> reply = handler_.take();
  client.say_end();
  handler_.await_gone();
}

TEST_F(TlsServerTest, AStopTellsIdleClientsTheEnd) {
  RawClient idle = connect();
  idle.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  idle.read_until("GET /x? \n");
  server_->stop(60s);
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_TRUE(idle.was_told_the_end());
}

TEST_F(TlsServerTest, AStopDoesNotWaitForHandshakes) {
  RawClient silent = connect_without_tls();
  RawClient begun = connect_without_tls();
  begun.send("\x16\x03");
  // The third is served after the first two were accepted.
  EXPECT_THAT(ask("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              EndsWith("GET /x? \n"));
  server_->stop(24h);
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(begun.read_all(), "");
}

TEST_F(TlsServerTest, TheCertificateChangesUnderItsClients) {
  RawClient before = connect();
  const PemPair pair = authority_.issue({"localhost"});
  ASSERT_TRUE(disk_.replace_file("/cert", pair.certificate).ok());
  ASSERT_TRUE(disk_.replace_file("/key", pair.key).ok());
  RawClient after = connect();
  for (RawClient* client : {&before, &after}) {
    client->send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(client->read_until("GET /x? \n"), StartsWith("HTTP/1.1 200 OK"));
  }
  EXPECT_EQ(tls_->report().reloads, 1u);
}

class ImpatientTlsServerTest : public TlsServerTest {
 protected:
  ImpatientTlsServerTest() : TlsServerTest(limits()) {}

  static ServerLimits limits() {
    ServerLimits limits;
    limits.handshake_timeout = 1s;
    return limits;
  }
};

TEST_F(ImpatientTlsServerTest, ClientsThatDoNotShakeHandsAreClosed) {
  RawClient silent = connect_without_tls();
  RawClient slow = connect_without_tls();
  slow.send("\x16\x03\x01\x02");
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(slow.read_all(), "");
  EXPECT_EQ(tls_->report().failed_handshakes, 1u);  // the other said nothing
}

}  // namespace
}  // namespace rqlite::net
