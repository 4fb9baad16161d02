#include "net/tls_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <thread>
#include <utility>

#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"
#include "net/tls_client.h"
#include "net/tls_context.h"

namespace rqlite::net {
namespace {

using Outcome = TlsSession::Outcome;

// A session and its client after the handshake.
class TlsSessionTest : public ::testing::Test {
 protected:
  TlsSessionTest() {
    const PemPair server = Authority("an authority").issue({"server"});
    EXPECT_TRUE(disk_.replace_file("/cert", server.certificate).ok());
    EXPECT_TRUE(disk_.replace_file("/key", server.key).ok());
    TlsContext::Options options;
    options.certificate_file = "/cert";
    options.key_file = "/key";
    context_ = *TlsContext::open(options, disk_, clock_);
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets_), 0);
    // Blocking, which is all the same to a session.
    client_.emplace(sockets_[1], TlsClient::Options());
    session_ = context_->new_session(sockets_[0]);
  }
  ~TlsSessionTest() override {
    ::close(sockets_[0]);
    hang_up();
  }

  void hang_up() {
    if (sockets_[1] >= 0) ::close(std::exchange(sockets_[1], -1));
  }
  void shake_hands() {
    std::optional<Outcome> ours;
    std::thread theirs([&] { EXPECT_EQ(client_->handshake(), TlsClient::Outcome::kDone); });
    while (ours != Outcome::kDone) {
      ours = session_->handshake().outcome;
      ASSERT_TRUE(ours == Outcome::kDone || ours == Outcome::kWantsRead);
      if (ours == Outcome::kWantsRead) await_bytes();
    }
    theirs.join();
  }
  // Until there is something to read for the session.
  void await_bytes() {
    char byte = 0;
    (void)::recv(sockets_[0], &byte, 1, MSG_PEEK);
  }
  // All that has come for the session.
  std::string read_all() {
    std::string text;
    char buffer[100];
    while (true) {
      const TlsSession::Step step = session_->read(buffer, sizeof buffer);
      if (step.outcome != Outcome::kDone) return text;
      text.append(buffer, step.bytes);
    }
  }

  FakeClock clock_;
  SimFileSystem disk_;
  std::unique_ptr<TlsContext> context_;
  int sockets_[2];
  std::optional<TlsClient> client_;
  std::unique_ptr<TlsSession> session_;
};

TEST_F(TlsSessionTest, WaitsForItsClient) {
  EXPECT_EQ(session_->handshake().outcome, Outcome::kWantsRead);
  shake_hands();
  char byte = 0;
  EXPECT_EQ(session_->read(&byte, 1).outcome, Outcome::kWantsRead);
}

TEST_F(TlsSessionTest, ReadsWhatWasWritten) {
  shake_hands();
  const std::string text(1000, 'x');
  EXPECT_EQ(client_->write(text), TlsClient::Outcome::kDone);
  EXPECT_EQ(client_->write("y"), TlsClient::Outcome::kDone);
  EXPECT_EQ(read_all(), text + "y");
}

TEST_F(TlsSessionTest, WritesInPartsWhenItsClientIsSlow) {
  shake_hands();
  std::string text;
  for (int i = 0; text.size() < 3'000'000; i++) text += std::to_string(i) + " ";
  std::size_t written = 0;
  std::string received;
  std::string buffer(10'000, '\0');
  bool was_full = false;
  while (received.size() < text.size()) {
    if (written < text.size()) {
      // From another place each time.
      const std::string left = text.substr(written);
      const TlsSession::Step step = session_->write(left);
      if (step.outcome == Outcome::kDone) {
        written += step.bytes;
        if (written < text.size()) continue;
      } else {
        ASSERT_EQ(step.outcome, Outcome::kWantsWrite);
        was_full = true;
      }
    }
    std::size_t got = 0;
    ASSERT_EQ(client_->read(buffer.data(), buffer.size(), got), TlsClient::Outcome::kDone);
    received.append(buffer, 0, got);
  }
  EXPECT_TRUE(was_full);
  EXPECT_EQ(received, text);
}

TEST_F(TlsSessionTest, TheEndOfEitherSideShows) {
  shake_hands();
  EXPECT_FALSE(session_->is_ended());
  EXPECT_EQ(session_->say_end().outcome, Outcome::kDone);
  char byte = 0;
  std::size_t got = 0;
  EXPECT_EQ(client_->read(&byte, 1, got), TlsClient::Outcome::kEnd);
  EXPECT_EQ(client_->say_end(), TlsClient::Outcome::kDone);
  EXPECT_TRUE(session_->is_ended());
}

TEST_F(TlsSessionTest, BytesHideTheEndUntilTheyAreRead) {
  shake_hands();
  EXPECT_EQ(client_->write("ab"), TlsClient::Outcome::kDone);
  EXPECT_EQ(client_->say_end(), TlsClient::Outcome::kDone);
  EXPECT_FALSE(session_->is_ended());
  EXPECT_EQ(read_all(), "ab");
  EXPECT_TRUE(session_->is_ended());
  char byte = 0;
  EXPECT_EQ(session_->read(&byte, 1).outcome, Outcome::kEnd);
}

TEST_F(TlsSessionTest, AClientThatIsCutOffIsAtItsEnd) {
  shake_hands();
  hang_up();
  EXPECT_TRUE(session_->is_ended());
  char byte = 0;
  EXPECT_EQ(session_->read(&byte, 1).outcome, Outcome::kEnd);
  // Without a signal that would end the process.
  EXPECT_EQ(session_->write("x").outcome, Outcome::kEnd);
}

TEST_F(TlsSessionTest, AClientThatBreaksTheProtocolFails) {
  shake_hands();
  ASSERT_EQ(::send(sockets_[1], "garbage", 7, 0), 7);
  char byte = 0;
  EXPECT_EQ(session_->read(&byte, 1).outcome, Outcome::kFailed);
  EXPECT_NE(session_->failure(), "");
  EXPECT_EQ(session_->say_end().outcome, Outcome::kFailed);
}

}  // namespace
}  // namespace rqlite::net
