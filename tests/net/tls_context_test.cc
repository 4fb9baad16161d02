#include "net/tls_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "fakes/captured_log.h"
#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"
#include "net/tls_client.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A client and a session of the context at the two ends of a connection, in one thread.
class Meeting {
 public:
  Meeting(TlsContext& context, const TlsClient::Options& options) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets_), 0);
    session = context.new_session(sockets_[0]);
    client.emplace(sockets_[1], options);
  }
  ~Meeting() {
    for (const int socket : sockets_) ::close(socket);
  }
  Meeting(const Meeting&) = delete;

  // "ok", or what the server says against the client, or "refused by the client".
  std::string shake_hands() {
    auto theirs = TlsClient::Outcome::kAgain;
    auto ours = TlsSession::Outcome::kWantsRead;
    while (true) {
      const bool client_waits = theirs == TlsClient::Outcome::kAgain;
      const bool session_waits = ours == TlsSession::Outcome::kWantsRead;
      if (client_waits) theirs = client->handshake();
      if (session_waits) ours = session->handshake().outcome;
      if (ours == TlsSession::Outcome::kFailed) return session->failure();
      if (theirs == TlsClient::Outcome::kFailed) return "refused by the client";
      if (!client_waits && !session_waits) return "ok";
    }
  }
  // One byte for the client, with what TLS 1.3 sends it before.
  void send_a_byte() {
    EXPECT_EQ(session->write("x").outcome, TlsSession::Outcome::kDone);
    char byte = 0;
    std::size_t got = 0;
    EXPECT_EQ(client->read(&byte, 1, got), TlsClient::Outcome::kDone);
  }

  std::unique_ptr<TlsSession> session;
  std::optional<TlsClient> client;

 private:
  int sockets_[2];
};

class TlsContextTest : public ::testing::Test {
 protected:
  TlsContextTest() {
    put("/cert", server_.certificate);
    put("/key", server_.key);
    put("/ca", authority_.pem());
    wait();
  }

  void put(const std::string& path, const std::string& content) {
    disk_.set_time(clock_.wall_now());
    ASSERT_TRUE(disk_.replace_file(path, content).ok());
  }
  void put(const PemPair& pair) {
    put("/cert", pair.certificate);
    put("/key", pair.key);
  }
  void wait() { clock_.advance(10s); }

  Result<std::unique_ptr<TlsContext>> try_open(TlsContext::Options options) {
    options.certificate_file = "/cert";
    options.key_file = "/key";
    return TlsContext::open(std::move(options), disk_, clock_);
  }
  std::unique_ptr<TlsContext> open(TlsContext::Options options = {}) {
    auto opened = try_open(std::move(options));
    EXPECT_TRUE(opened.ok()) << opened.status().text();
    return *std::move(opened);
  }
  std::string problem(TlsContext::Options options = {}) {
    return try_open(std::move(options)).status().text();
  }
  // One that wants to see certificates of `authority_`.
  std::unique_ptr<TlsContext> open_for_known_clients(const std::string& name = "") {
    TlsContext::Options options;
    options.ca_file = "/ca";
    options.verify_client = true;
    options.common_name = name;
    return open(options);
  }
  // The name that a client sees.
  static std::string name_of(TlsContext& context) {
    Meeting meeting(context, {});
    EXPECT_EQ(meeting.shake_hands(), "ok");
    return meeting.client->server_name();
  }
  static std::string shake_hands(TlsContext& context, const TlsClient::Options& client) {
    return Meeting(context, client).shake_hands();
  }
  static TlsClient::Options client_with(PemPair identity) {
    TlsClient::Options options;
    options.identity = std::move(identity);
    return options;
  }

  const Authority authority_{"an authority"};
  const Authority stranger_{"a stranger"};
  const PemPair server_ = authority_.issue({"server 1"});
  SimFileSystem disk_;
  FakeClock clock_;
};

TEST_F(TlsContextTest, ShowsItsCertificate) {
  const auto context = open();
  TlsClient::Options client;
  client.authority = authority_.pem();
  EXPECT_EQ(shake_hands(*context, client), "ok");
  client.authority = stranger_.pem();
  EXPECT_THAT(shake_hands(*context, client), HasSubstr("unknown ca"));
}

TEST_F(TlsContextTest, SpeaksTls12AndLater) {
  const auto context = open();
  for (const auto& [version, name] :
       {std::pair(TLS1_2_VERSION, "TLSv1.2"), std::pair(TLS1_3_VERSION, "TLSv1.3")}) {
    TlsClient::Options client;
    client.version = version;
    Meeting meeting(*context, client);
    EXPECT_EQ(meeting.shake_hands(), "ok");
    EXPECT_EQ(meeting.client->version(), name);
  }
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    TlsClient::Options client;
    client.version = version;
    EXPECT_EQ(shake_hands(*context, client), "unsupported protocol");
  }
}

TEST_F(TlsContextTest, ChoosesTheProtocolThatIsSpokenHere) {
  const auto context = open();
  TlsClient::Options client;
  client.protocols = "\x02h2\x08http/1.1";
  Meeting meeting(*context, client);
  EXPECT_EQ(meeting.shake_hands(), "ok");
  EXPECT_EQ(meeting.client->protocol(), "http/1.1");
  client.protocols = "\x02h2";
  EXPECT_EQ(shake_hands(*context, client), "no application protocol");
}

TEST_F(TlsContextTest, CountsTheSessionsThatWereBegun) {
  const auto context = open();
  EXPECT_EQ(name_of(*context), "server 1");
  Meeting(*context, {});
  EXPECT_EQ(context->report().sessions, 2u);
}

TEST_F(TlsContextTest, RefusesWhatIsNotTls) {
  const auto context = open();
  int sockets[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  const auto session = context->new_session(sockets[0]);
  ASSERT_EQ(::send(sockets[1], "\x01\x02\x03\x04\x05\x06\x07", 7, 0), 7);
  EXPECT_EQ(session->handshake().outcome, TlsSession::Outcome::kFailed);
  EXPECT_EQ(session->failure(), "wrong version number");
  for (const int socket : sockets) ::close(socket);
}

// Clients that have to show who they are.

TEST_F(TlsContextTest, AKnownClientIsWelcome) {
  const auto context = open_for_known_clients();
  EXPECT_EQ(shake_hands(*context, client_with(authority_.issue({"fiona"}))), "ok");
  EXPECT_EQ(shake_hands(*context, client_with(authority_.issue({}))), "ok");
}

TEST_F(TlsContextTest, AnUnknownClientIsRefused) {
  const auto context = open_for_known_clients();
  EXPECT_EQ(shake_hands(*context, {}), "peer did not return a certificate");
  EXPECT_THAT(shake_hands(*context, client_with(stranger_.issue({"fiona"}))),
              StartsWith("certificate verify failed: unable to get local issuer certificate"));
  EXPECT_EQ(shake_hands(*context, client_with(authority_.issue({"fiona"}, 1h))),
            "certificate verify failed: certificate has expired");
}

TEST_F(TlsContextTest, TheCommonNameIsComparedAsAWhole) {
  const auto context = open_for_known_clients("fiona");
  EXPECT_EQ(shake_hands(*context, client_with(authority_.issue({"fiona"}))), "ok");
  for (const char* other : {"Fiona", "fiona ", "fion", "fiona.example.com", "*"}) {
    EXPECT_EQ(shake_hands(*context, client_with(authority_.issue({other}))),
              "certificate verify failed: the common name is not the one that is required");
  }
  EXPECT_THAT(shake_hands(*context, client_with(authority_.issue({}))), HasSubstr("common name"));
  EXPECT_THAT(shake_hands(*context, client_with(stranger_.issue({"fiona"}))),
              HasSubstr("local issuer"));
}

TEST_F(TlsContextTest, ASessionIsResumedOnlyWhereClientsShowNoCertificate) {
  const auto context = open();
  const auto strict = open_for_known_clients();
  const TlsClient::Options options = client_with(authority_.issue({"fiona"}));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient::Options client = options;
    client.version = version;
    Meeting first(*context, client);
    ASSERT_EQ(first.shake_hands(), "ok");
    first.send_a_byte();
    ASSERT_NE(first.client->ticket(), nullptr);
    Meeting second(*context, client);
    second.client->resume(*first.client->ticket());
    ASSERT_EQ(second.shake_hands(), "ok");
    EXPECT_TRUE(second.client->was_resumed());
    Meeting seen(*strict, client);
    ASSERT_EQ(seen.shake_hands(), "ok");
    seen.send_a_byte();
    EXPECT_EQ(seen.client->ticket(), nullptr);
  }
}

// Files that change.

TEST_F(TlsContextTest, ANewPairIsUsedForNewSessions) {
  const auto context = open();
  EXPECT_EQ(name_of(*context), "server 1");
  Meeting begun(*context, {});
  put(authority_.issue({"server 2"}));
  EXPECT_EQ(name_of(*context), "server 2");
  EXPECT_EQ(begun.shake_hands(), "ok");
  EXPECT_EQ(begun.client->server_name(), "server 1");
  EXPECT_EQ(context->report().reloads, 1u);
}

TEST_F(TlsContextTest, AnOldPairStaysUntilTheNewOneIsComplete) {
  const auto context = open();
  const PemPair second = authority_.issue({"server 2"});
  put("/cert", second.certificate.substr(0, 100));
  EXPECT_EQ(name_of(*context), "server 1");
  put("/cert", second.certificate);
  EXPECT_EQ(name_of(*context), "server 1");
  put("/key", "");
  EXPECT_EQ(name_of(*context), "server 1");
  ASSERT_TRUE(disk_.remove("/key").ok());
  EXPECT_EQ(name_of(*context), "server 1");
  put("/key", second.key);
  EXPECT_EQ(name_of(*context), "server 2");
  EXPECT_EQ(context->report().reloads, 1u);
  EXPECT_EQ(context->report().failed_reloads, 4u);
}

TEST_F(TlsContextTest, AProblemIsToldOnce) {
  const auto context = open();
  ASSERT_TRUE(disk_.remove("/cert").ok());
  put("/key", authority_.issue({"server 2"}).key);
  CapturedLog log;
  for (int i = 0; i < 3; i++) EXPECT_EQ(name_of(*context), "server 1");
  put("/cert", server_.certificate);
  for (int i = 0; i < 3; i++) EXPECT_EQ(name_of(*context), "server 1");
  EXPECT_THAT(log.lines(),
              ElementsAre(EndsWith("stat /cert: no such file or directory"),
                          EndsWith("the key in /key does not belong to the certificate in /cert")));
}

TEST_F(TlsContextTest, TheAuthorityIsReadOnce) {
  const auto context = open_for_known_clients();
  put("/ca", stranger_.pem());
  put(authority_.issue({"server 2"}));
  wait();
  EXPECT_EQ(shake_hands(*context, client_with(authority_.issue({"fiona"}))), "ok");
  EXPECT_EQ(context->report().reloads, 1u);
}

// Files that are wrong from the start.

TEST_F(TlsContextTest, AMissingFileIsAnError) {
  ASSERT_TRUE(disk_.remove("/key").ok());
  EXPECT_EQ(problem(), "stat /key: no such file or directory");
  ASSERT_TRUE(disk_.remove("/cert").ok());
  EXPECT_EQ(problem(), "stat /cert: no such file or directory");
}

TEST_F(TlsContextTest, GarbageIsAnError) {
  put("/cert", "garbage");
  EXPECT_EQ(problem(), "/cert: there is no certificate in PEM form in it");
  put("/cert", server_.key);
  EXPECT_EQ(problem(), "/cert: there is no certificate in PEM form in it");
  put("/cert", "-----BEGIN CERTIFICATE-----\nZ2FyYmFnZQ==\n-----END CERTIFICATE-----\n");
  EXPECT_THAT(problem(), StartsWith("/cert: certificate 1: "));
  put("/cert", server_.certificate + "-----BEGIN CERTIFICATE-----\nZ2Fy");
  EXPECT_THAT(problem(), StartsWith("/cert: certificate 2: "));
  put("/cert", server_.certificate);
  put("/key", "garbage");
  EXPECT_EQ(problem(), "/key: there is no private key in PEM form in it");
  put("/key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nZ2Fy\n-----END ENCRYPTED PRIVATE KEY-----\n");
  EXPECT_THAT(problem(), StartsWith("/key: it is encrypted"));
}

TEST_F(TlsContextTest, AKeyOfAnotherCertificateIsAnError) {
  put("/key", authority_.issue({"server 2"}).key);
  EXPECT_EQ(problem(), "the key in /key does not belong to the certificate in /cert");
}

TEST_F(TlsContextTest, AnAuthorityThatIsNoneIsAnErrorEvenIfNobodyIsVerified) {
  TlsContext::Options options;
  options.ca_file = "/ca";
  put("/ca", "garbage");
  EXPECT_EQ(problem(options), "failed to load CA certificate(s) for verification in \"/ca\"");
  ASSERT_TRUE(disk_.remove("/ca").ok());
  EXPECT_EQ(problem(options),
            "failed to load CA certificate(s) for verification in \"/ca\": open /ca: no such file "
            "or directory");
}

TEST_F(TlsContextTest, CertificateAndKeyMayBeInOneFile) {
  put("/cert", server_.key + server_.certificate + authority_.pem());
  put("/key", server_.key + server_.certificate);
  EXPECT_EQ(name_of(*open()), "server 1");
}

TEST_F(TlsContextTest, FailedHandshakesDoNotFloodTheLog) {
  const auto context = open();
  CapturedLog log;
  for (int i = 0; i < 5; i++) context->on_failed_handshake("1.2.3.4:5", "bad manners");
  clock_.advance(1s);
  context->on_failed_handshake("1.2.3.4:6", "worse manners");
  EXPECT_THAT(log.lines(),
              ElementsAre("TLS handshake with 1.2.3.4:5 failed: bad manners",
                          "TLS handshake with 1.2.3.4:6 failed: worse manners (as did 4 others "
                          "since the last such line)"));
  EXPECT_EQ(context->report().failed_handshakes, 6u);
}

}  // namespace
}  // namespace rqlite::net
