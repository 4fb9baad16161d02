#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "net/client_fixture.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::StartsWith;

// What TLS can get in the way of.
class ClientOverTlsTest : public AServerTest {
 protected:
  ClientOverTlsTest() : AServerTest(Transport::kTls, {}) {}

  // What becomes of a call, with TLS as `options` say.
  CallResult call(const std::string& address, const std::optional<TlsDialer::Options>& options,
                  std::chrono::nanoseconds connect_timeout = 30s) {
    std::unique_ptr<TlsDialer> dialer;
    if (options) dialer = *TlsDialer::open(*options, disk_, clock_);
    Client::Options how;
    how.tls = dialer.get();
    how.connect_timeout = connect_timeout;
    Client client(std::move(how));
    Call call;
    call.address = address;
    call.target = "/x";
    return client.fetch(std::move(call), kMebibyte);
  }
  static TlsDialer::Options trusting(const std::string& ca_file) {
    TlsDialer::Options options;
    options.ca_file = ca_file;
    return options;
  }
};

TEST_F(ClientOverTlsTest, AServerThatIsNotTrustedIsToldNothing) {
  ASSERT_TRUE(disk_.replace_file("/other-ca", Authority("another").pem()).ok());
  const CallResult result = call(server_->address(), trusting("/other-ca"));
  EXPECT_EQ(result.response.status(),
            Status(Code::kUnavailable,
                   "tls: failed to verify certificate: x509: certificate signed by unknown "
                   "authority"));
  EXPECT_FALSE(result.sent);
}

TEST_F(ClientOverTlsTest, AServerMayWantACertificate) {
  TlsContext::Options strict = tls_->options();
  strict.ca_file = "/ca";
  strict.verify_client = true;
  const auto context = *TlsContext::open(strict, disk_, clock_);
  Server::Options options;
  options.host = "127.0.0.1";
  options.port = "0";
  options.tls = context.get();
  const auto server = *Server::listen(std::move(options), handler_);
  server->start();
  EXPECT_THAT(text_of(call(server->address(), trusting("/ca"))),
              EndsWith("remote error: tls: certificate required"));
  TlsDialer::Options identified = trusting("/ca");
  identified.certificate_file = "/cert";
  identified.key_file = "/key";
  EXPECT_EQ(text_of(call(server->address(), identified)), "200 GET /x? \n");
}

TEST_F(ClientOverTlsTest, APeerThatSpeaksInClearIsNoticed) {
  const RawPeer peer;
  std::thread answers([&] {
    const RawConnection connection = peer.accept();
    connection.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    (void)connection.read_all();
  });
  const CallResult result = call(peer.address(), trusting("/ca"));
  answers.join();
  EXPECT_EQ(result.response.status(),
            Status(Code::kUnavailable, "tls: first record does not look like a TLS handshake"));
}

TEST_F(ClientOverTlsTest, AServerOfTlsTellsAClientInClear) {
  EXPECT_EQ(text_of(call(server_->address(), std::nullopt)),
            "400 Client sent an HTTP request to an HTTPS server.\n");
}

TEST_F(ClientOverTlsTest, HandshakesDoNotTakeForEver) {
  const RawPeer peer;
  const CallResult result = call(peer.address(), trusting("/ca"), 10ms);
  EXPECT_EQ(result.response.status().code(), Code::kUnavailable);
  EXPECT_THAT(text_of(result), AllOf(StartsWith("read tcp "), EndsWith(": i/o timeout")));
}

TEST_F(ClientOverTlsTest, APeerMayEndTheHandshake) {
  const RawPeer peer;
  std::thread ends([&] { (void)peer.accept(); });
  const CallResult result = call(peer.address(), trusting("/ca"));
  ends.join();
  EXPECT_EQ(result.response.status().code(), Code::kUnavailable);
  EXPECT_THAT(text_of(result), StartsWith("read tcp "));
}

}  // namespace
}  // namespace rqlite::net
