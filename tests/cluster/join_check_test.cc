#include "cluster/join_check.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "cluster/peer_protocol.h"
#include "cluster/peer_stand_in.h"
#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"
#include "net/certificates.h"
#include "net/tls_dialer.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

PeerStandIn::Answer says(int status) {
  return [status](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>& reply) {
    reply->send(net::Response::bare(status));
  };
}

// Another node; a port for clients, which has no such path; one that wants TLS.
PeerStandIn::Answer node() { return says(200); }
PeerStandIn::Answer api() {
  return [](const PeerStandIn::Asked& asked, const std::shared_ptr<net::Reply>& reply) {
    reply->send(net::Response::bare(asked.target == "/status" ? 401 : 404));
  };
}
PeerStandIn::Answer wants_tls() { return says(400); }

class JoinCheckTest : public testing::Test {
 protected:
  JoinCheckTest() {
    const net::PemPair pair = net::Authority("nobody's").issue_for("DNS:elsewhere");
    EXPECT_TRUE(disk_.replace_file("/cert", pair.certificate).ok());
    EXPECT_TRUE(disk_.replace_file("/key", pair.key).ok());
    net::TlsContext::Options options;
    options.certificate_file = "/cert";
    options.key_file = "/key";
    accepting_ = *net::TlsContext::open(options, disk_, clock_);
    options.ca_file = "/cert";
    options.verify_client = true;
    strict_ = *net::TlsContext::open(options, disk_, clock_);
    dialing_ = *net::TlsDialer::open({.certificate_file = {},
                                      .key_file = {},
                                      .ca_file = {},
                                      .verify_server = false,
                                      .server_name = {}},
                                     disk_, clock_);
    net::Client::Options by_tls;
    by_tls.tls = dialing_.get();
    tls_client_ = std::make_unique<net::Client>(by_tls);
  }
  ~JoinCheckTest() override {
    client_.close();
    tls_client_->close();
  }

  // As long as it takes, or until a stop.
  Status check(const std::vector<std::string>& addresses, std::chrono::nanoseconds patience = 1h) {
    return check_by({&client_, tls_client_.get()}, addresses, patience);
  }
  Status check_by(const std::vector<net::Client*>& clients,
                  const std::vector<std::string>& addresses,
                  std::chrono::nanoseconds patience = 1h) {
    std::vector<std::string> unknown = addresses;
    for (net::Client* client : clients) {
      RETURN_IF_ERROR(
          check_join_addresses(*client, unknown, patience, [this] { return stop_.load(); }));
    }
    return {};
  }
  static std::string refusal(const PeerStandIn& peer) {
    return "join address " + peer.address() + " appears to be serving HTTP when it should be Raft";
  }
  // Keeps whoever asks waiting, and tells that somebody did.
  PeerStandIn::Answer silence(PeerStandIn& peer) {
    return [this, &peer](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>& reply) {
      peer.leave(reply);
      if (++questions_ == stops_at_) stop_ = true;
    };
  }

  std::atomic<std::size_t> questions_ = 0;
  std::size_t stops_at_ = 0;  // questions without an answer
  std::atomic<bool> stop_ = false;
  SimFileSystem disk_;
  FakeClock clock_;
  std::unique_ptr<net::TlsContext> accepting_;
  std::unique_ptr<net::TlsContext> strict_;  // which wants to know who asks
  std::unique_ptr<net::TlsDialer> dialing_;
  net::Client client_{net::Client::Options()};
  std::unique_ptr<net::Client> tls_client_;
};

TEST_F(JoinCheckTest, NodesAndNobodyAreGood) {
  const PeerStandIn peer(node());
  EXPECT_TRUE(check({peer.address(), "127.0.0.1:1"}).ok());
}

TEST_F(JoinCheckTest, AnAddressForClientsIsRefused) {
  const PeerStandIn peer(node());
  const PeerStandIn clients(api());
  const PeerStandIn others(api());
  const Status status = check({peer.address(), clients.address(), others.address()});
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_EQ(status.text(), refusal(clients));
}

TEST_F(JoinCheckTest, AnAddressForClientsIsRefusedHoweverThisNodeSpeaksItself) {
  const PeerStandIn clear(api());
  const PeerStandIn tls(api(), accepting_.get());
  for (const auto& clients :
       {std::vector{&client_, tls_client_.get()}, std::vector{tls_client_.get(), &client_}}) {
    EXPECT_EQ(check_by(clients, {clear.address()}).text(), refusal(clear));
    EXPECT_EQ(check_by(clients, {tls.address()}).text(), refusal(tls));
  }
}

TEST_F(JoinCheckTest, ANodeIsOneHoweverItSpeaks) {
  const PeerStandIn clear(node());
  const PeerStandIn tls(node(), accepting_.get());
  EXPECT_TRUE(check({clear.address(), tls.address()}).ok());
  EXPECT_TRUE(check_by({tls_client_.get(), &client_}, {clear.address(), tls.address()}).ok());
}

TEST_F(JoinCheckTest, OneThatWantsToKnowWhoAsksMayBeANode) {
  PeerStandIn peer(api(), strict_.get());
  EXPECT_TRUE(check({peer.address()}).ok());
  EXPECT_TRUE(peer.asked().empty());
}

TEST_F(JoinCheckTest, WhoIsFoundToBeANodeIsNotAskedAgain) {
  PeerStandIn peer(node());
  EXPECT_TRUE(check_by({&client_, &client_}, {peer.address()}).ok());
  EXPECT_EQ(peer.asked().size(), 1u);
}

TEST_F(JoinCheckTest, OneThatOnlySaysThatItWantsTlsMayBeANode) {
  const PeerStandIn peer(wants_tls());
  EXPECT_TRUE(check({peer.address()}).ok());
}

TEST_F(JoinCheckTest, OneThatIsSilentMayBeANode) {
  const PeerStandIn peer;
  EXPECT_TRUE(check({peer.address()}, 1ms).ok());
}

TEST_F(JoinCheckTest, AllAreAskedAtOnceAndAStopEndsTheWait) {
  stops_at_ = 2;  // which is not reached if one waits for the other
  PeerStandIn first;
  PeerStandIn second;
  first.answer(silence(first));
  second.answer(silence(second));
  EXPECT_TRUE(check({first.address(), second.address()}).ok());
}

}  // namespace
}  // namespace rqlite::cluster
