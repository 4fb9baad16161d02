#include "net/tls_dialer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"
#include "net/certificates.h"
#include "net/pem.h"
#include "net/tls_context.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

constexpr const char* kRefused = "tls: failed to verify certificate: x509: ";

// Our session and a server's at the two ends of a connection, in one thread.
class Meeting {
 public:
  Meeting(TlsDialer& dialer, const std::string& host) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets_), 0);
    ours = dialer.new_session(sockets_[0], host);
  }
  ~Meeting() {
    for (const int socket : sockets_) ::close(socket);
  }
  Meeting(const Meeting&) = delete;

  void with(TlsContext& context) { theirs = context.new_session(sockets_[1]); }
  void with(SSL_CTX& context) { theirs = TlsSession::of_server(context, sockets_[1]); }

  // "ok", or why we do not go on, or why the server does not.
  std::string shake_hands() {
    TlsSession::Outcome our_outcome = TlsSession::Outcome::kWantsRead;
    TlsSession::Outcome their_outcome = TlsSession::Outcome::kWantsRead;
    while (true) {
      const bool we_wait = our_outcome == TlsSession::Outcome::kWantsRead;
      const bool they_wait = their_outcome == TlsSession::Outcome::kWantsRead;
      if (we_wait) our_outcome = ours->handshake().outcome;
      if (they_wait) their_outcome = theirs->handshake().outcome;
      if (our_outcome == TlsSession::Outcome::kFailed) return ours->failure();
      if (their_outcome == TlsSession::Outcome::kFailed) return "server: " + theirs->failure();
      if (!we_wait && !they_wait) return "ok";
    }
  }
  // Why we cannot read from the server.
  std::string reading() const {
    char byte = 0;
    return ours->read(&byte, 1).outcome == TlsSession::Outcome::kFailed ? ours->failure() : "";
  }
  void send_to_us(std::string_view bytes) const {
    EXPECT_EQ(::send(sockets_[1], bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }

  std::unique_ptr<TlsSession> ours;
  std::unique_ptr<TlsSession> theirs;

 private:
  int sockets_[2];
};

class TlsDialerTest : public ::testing::Test {
 protected:
  TlsDialerTest() {
    put("/ca", authority_.pem());
    put("/other-ca", stranger_.pem());
  }

  void put(const std::string& path, const std::string& content) {
    disk_.set_time(clock_.wall_now());
    ASSERT_TRUE(disk_.replace_file(path, content).ok());
    clock_.advance(10s);
  }
  void put(const std::string& folder, const PemPair& pair) {
    put(folder + "cert", pair.certificate);
    put(folder + "key", pair.key);
  }
  std::unique_ptr<TlsContext> server(const PemPair& pair, bool verify_client = false) {
    put("/server-", pair);
    TlsContext::Options options;
    options.certificate_file = "/server-cert";
    options.key_file = "/server-key";
    options.verify_client = verify_client;
    if (verify_client) options.ca_file = "/ca";
    return *TlsContext::open(std::move(options), disk_, clock_);
  }
  std::unique_ptr<TlsDialer> dialer(TlsDialer::Options options) {
    auto opened = TlsDialer::open(std::move(options), disk_, clock_);
    EXPECT_TRUE(opened.ok()) << opened.status().text();
    return *std::move(opened);
  }
  static TlsDialer::Options trusting(const std::string& ca_file) {
    TlsDialer::Options options;
    options.ca_file = ca_file;
    return options;
  }
  TlsDialer::Options identified() {
    TlsDialer::Options options = trusting("/ca");
    options.certificate_file = "/our-cert";
    options.key_file = "/our-key";
    return options;
  }
  // What becomes of dialling `host`, where a server shows `pair`.
  std::string dial(const TlsDialer::Options& options, const std::string& host,
                   const PemPair& pair) {
    const auto context = server(pair);
    const auto opened = dialer(options);
    Meeting meeting(*opened, host);
    meeting.with(*context);
    return meeting.shake_hands();
  }
  static void use(SSL_CTX& context, const PemPair& pair) {
    EXPECT_EQ(SSL_CTX_use_certificate(&context, certificate_of(pair.certificate).get()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(&context, (*read_key(pair.key)).get()), 1);
  }
  std::string problem(TlsDialer::Options options) {
    return TlsDialer::open(std::move(options), disk_, clock_).status().text();
  }

  const Authority authority_{"an authority"};
  const Authority stranger_{"a stranger"};
  SimFileSystem disk_;
  FakeClock clock_;
};

TEST_F(TlsDialerTest, AServerIsKnownByItsNames) {
  const PemPair pair = authority_.issue_for("DNS:a,DNS:*.b.example,IP:10.0.0.1,IP:::1");
  for (const std::string host : {"a", "A", "x.b.example", "10.0.0.1", "::1", "0:0:0:0:0:0:0:1"}) {
    EXPECT_EQ(dial(trusting("/ca"), host, pair), "ok") << host;
  }
}

TEST_F(TlsDialerTest, AnotherOnesCertificateIsRefused) {
  const PemPair both = authority_.issue_for("DNS:a,DNS:b,IP:10.0.0.1,IP:::1");
  const PemPair none = authority_.issue({"a"});
  for (const auto& [host, pair, why] :
       {std::tuple("c", &both, "certificate is valid for a, b, not c"),
        {"10.0.0.2", &both, "certificate is valid for 10.0.0.1, ::1, not 10.0.0.2"},
        // A common name is no name of a host.
        {"a", &none, "certificate is not valid for any names, but wanted to match a"},
        {"::1", &none,
         "cannot validate certificate for ::1 because it doesn't contain any IP SANs"}}) {
    EXPECT_EQ(dial(trusting("/ca"), host, *pair), std::string(kRefused) + why);
  }
}

TEST_F(TlsDialerTest, ANameCanBeExpectedWhateverIsDialled) {
  TlsDialer::Options options = trusting("/ca");
  options.server_name = "node";
  EXPECT_EQ(dial(options, "10.0.0.1", authority_.issue_for("DNS:node")), "ok");
  EXPECT_EQ(
      dial(options, "10.0.0.1", authority_.issue_for("IP:10.0.0.1")),
      std::string(kRefused) + "certificate is not valid for any names, but wanted to match node");
}

TEST_F(TlsDialerTest, TheIssuerMustBeTrusted) {
  const PemPair pair = authority_.issue_for("DNS:a");
  const std::string why = std::string(kRefused) + "certificate signed by unknown authority";
  EXPECT_EQ(dial(trusting("/other-ca"), "a", pair), why);
  // The system knows none of ours.
  EXPECT_EQ(dial({}, "a", pair), why);
  // One that is in the file is trusted by itself.
  put("/its-own", pair.certificate);
  EXPECT_EQ(dial(trusting("/its-own"), "a", pair), "ok");
}

TEST_F(TlsDialerTest, ACertificateHasItsTime) {
  EXPECT_THAT(dial(trusting("/ca"), "a", authority_.issue({"a"}, 60s, "DNS:a")),
              MatchesRegex(std::string(kRefused) +
                           "certificate has expired or is not yet valid: current time "
                           "[0-9T:-]+Z is after [0-9T:-]+Z"));
}

TEST_F(TlsDialerTest, NothingIsVerifiedIfThatIsWanted) {
  TlsDialer::Options options;
  options.verify_server = false;
  EXPECT_EQ(dial(options, "a", stranger_.issue({"b"}, 60s)), "ok");
}

TEST_F(TlsDialerTest, OurCertificateIsShownToWhoAsks) {
  const PemPair pair = authority_.issue_for("DNS:a");
  put("/our-", authority_.issue({"us"}));
  const auto context = server(pair, true);
  const auto with = dialer(identified());
  Meeting known(*with, "a");
  known.with(*context);
  EXPECT_EQ(known.shake_hands(), "ok");

  const auto without = dialer(trusting("/ca"));
  Meeting unknown(*without, "a");
  unknown.with(*context);
  EXPECT_EQ(unknown.shake_hands(), "server: peer did not return a certificate");
  EXPECT_EQ(unknown.reading(), "remote error: tls: certificate required");

  put("/our-", stranger_.issue({"us"}));
  const auto stranger = dialer(identified());
  Meeting refused(*stranger, "a");
  refused.with(*context);
  EXPECT_THAT(refused.shake_hands(), StartsWith("server: certificate verify failed"));
  EXPECT_EQ(refused.reading(), "remote error: tls: unknown certificate authority");
}

TEST_F(TlsDialerTest, OurCertificateChangesWithItsFiles) {
  const auto context = server(authority_.issue_for("DNS:a"), true);
  put("/our-", stranger_.issue({"us"}));
  const auto opened = dialer(identified());
  auto shake_hands = [&] {
    Meeting meeting(*opened, "a");
    meeting.with(*context);
    return meeting.shake_hands();
  };
  EXPECT_THAT(shake_hands(), StartsWith("server: "));
  put("/our-", authority_.issue({"us"}));
  EXPECT_EQ(shake_hands(), "ok");
  // What is no good leaves the last one in use.
  put("/our-key", "nothing");
  EXPECT_EQ(shake_hands(), "ok");
  EXPECT_EQ(opened->report().sessions, 3u);
  EXPECT_EQ(opened->report().reloads, 1u);
  EXPECT_EQ(opened->report().failed_reloads, 1u);
}

TEST_F(TlsDialerTest, OldProtocolsAreNotSpoken) {
  const PemPair pair = authority_.issue_for("DNS:a");
  const std::shared_ptr<SSL_CTX> old(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_set_security_level(old.get(), 0);
  SSL_CTX_set_max_proto_version(old.get(), TLS1_1_VERSION);
  use(*old, pair);
  const auto opened = dialer(trusting("/ca"));
  Meeting meeting(*opened, "a");
  meeting.with(*old);
  EXPECT_EQ(meeting.shake_hands(), "server: unsupported protocol");
  EXPECT_EQ(meeting.ours->handshake().outcome, TlsSession::Outcome::kFailed);
  EXPECT_EQ(meeting.ours->failure(), "remote error: tls: protocol version");
}

TEST_F(TlsDialerTest, Http11IsOffered) {
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  const PemPair pair = authority_.issue_for("DNS:a");
  use(*context, pair);
  std::string offered;
  SSL_CTX_set_alpn_select_cb(
      context.get(),
      [](SSL*, const unsigned char**, unsigned char*, const unsigned char* names, unsigned size,
         void* to) {
        static_cast<std::string*>(to)->assign(reinterpret_cast<const char*>(names), size);
        return SSL_TLSEXT_ERR_ALERT_FATAL;
      },
      &offered);
  const auto opened = dialer(trusting("/ca"));
  Meeting meeting(*opened, "a");
  meeting.with(*context);
  EXPECT_THAT(meeting.shake_hands(), StartsWith("server: "));
  EXPECT_EQ(offered, "\x08http/1.1");
}

TEST_F(TlsDialerTest, AnAnswerInClearIsNoHandshake) {
  const auto opened = dialer(trusting("/ca"));
  Meeting meeting(*opened, "a");
  EXPECT_EQ(meeting.ours->handshake().outcome, TlsSession::Outcome::kWantsRead);
  meeting.send_to_us("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(meeting.ours->handshake().outcome, TlsSession::Outcome::kFailed);
  EXPECT_EQ(meeting.ours->failure(), "tls: first record does not look like a TLS handshake");
}

TEST_F(TlsDialerTest, FilesThatAreNoGoodAreNamed) {
  EXPECT_THAT(problem(trusting("/none")), HasSubstr("\"/none\""));
  put("/empty", "");
  EXPECT_EQ(problem(trusting("/empty")),
            "failed to load CA certificate(s) for verification in \"/empty\"");
  EXPECT_THAT(problem(identified()), HasSubstr("/our-cert"));
  put("/our-cert", authority_.issue({"us"}).certificate);
  put("/our-key", authority_.issue({"us"}).key);
  EXPECT_EQ(problem(identified()),
            "the key in /our-key does not belong to the certificate in /our-cert");
}

}  // namespace
}  // namespace rqlite::net
