#include "cluster/join_check.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "cluster/peer_protocol.h"
#include "cluster/peer_stand_in.h"

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
  ~JoinCheckTest() override { client_.close(); }

  // As long as it takes, or until a stop.
  Status check(const std::vector<std::string>& addresses, std::chrono::nanoseconds patience = 1h) {
    return check_join_addresses(client_, addresses, patience, [this] { return stop_.load(); });
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
  net::Client client_{net::Client::Options()};
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
  EXPECT_EQ(status.text(), "join address " + clients.address() +
                               " appears to be serving HTTP when it should be Raft");
}

TEST_F(JoinCheckTest, OneThatWantsTlsMayBeANode) {
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
