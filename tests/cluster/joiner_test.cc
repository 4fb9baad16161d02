#include "cluster/joiner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "cluster/peer_stand_in.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_sleeper.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Outcome = Joiner::Result::Outcome;

// Answers with the responses one after the other, and then with the last one for ever.
PeerStandIn::Answer answers(std::vector<net::Response> responses) {
  auto left = std::make_shared<std::vector<net::Response>>(std::move(responses));
  return [left](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>& reply) {
    reply->send(left->front());
    if (left->size() > 1) left->erase(left->begin());
  };
}

net::Response says(int status, std::string text = "") {
  return {status, net::kTextType, {}, std::move(text)};
}

net::Response removed(const std::string& cluster) {
  net::Response response = says(410, "removed");
  response.headers.emplace_back(kClusterHeader, cluster);
  return response;
}

class JoinerTest : public ::testing::Test {
 protected:
  JoinerTest() {
    options_.stop_is_wanted = [this] { return stop_.load(); };
  }
  ~JoinerTest() override { client_.close(); }

  Joiner joiner() {
    return Joiner(client_, sleeper_, options_, [this] {
      made_++;
      return JoinRequest{{raft::RaftId(7), "seven"}, "host:7", false, cluster_};
    });
  }
  Joiner::Result ask(const PeerStandIn& peer) { return joiner().ask(peer.address()); }

  std::atomic<bool> stop_ = false;
  std::atomic<int> made_ = 0;
  std::string cluster_;  // of which it is, or was, a member
  Joiner::Options options_;
  FakeClock clock_;
  FakeSleeper sleeper_{clock_};
  net::Client client_{net::Client::Options()};
};

// One address.

TEST_F(JoinerTest, SaysWhoWantsToJoinAndWithWhatRight) {
  PeerStandIn peer(answers({says(200)}));
  options_.login = {{"Authorization", "Basic abc"}};
  const Joiner::Result result = ask(peer);
  EXPECT_EQ(result.outcome, Outcome::kJoined);
  EXPECT_EQ(result.address, peer.address());
  ASSERT_THAT(peer.asked(), SizeIs(1));
  const PeerStandIn::Asked asked = peer.asked()[0];
  EXPECT_EQ(asked.method + " " + asked.target, "POST /peer/1/join");
  EXPECT_EQ(asked.header("Authorization"), "Basic abc");
  const auto request = decode_join_request(asked.body);
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->identity.node_id, "seven");
  EXPECT_FALSE(request->wants_vote);
}

TEST_F(JoinerTest, AsksUntilItHasCaughtUpWithARequestThatIsMadeAnew) {
  const PeerStandIn peer(answers({says(202), says(202), says(200)}));
  EXPECT_EQ(ask(peer).outcome, Outcome::kJoined);
  EXPECT_EQ(made_, 3);
}

TEST_F(JoinerTest, WhatItAsksAgainIsNoNewRequest) {
  PeerStandIn peer(answers({says(202), says(202), says(200)}));
  EXPECT_EQ(ask(peer).outcome, Outcome::kJoined);
  std::vector<bool> again;
  for (const auto& each : peer.asked()) again.push_back(decode_join_request(each.body)->asks_again);
  EXPECT_EQ(again, (std::vector{false, true, true}));
}

TEST_F(JoinerTest, TellsOfWhichClusterItIsToBecomeAMember) {
  std::vector<std::string> heard;
  options_.heard_of = [&heard](const std::string& id, bool lets_in) {
    heard.push_back(id + (lets_in ? " lets in" : ""));
  };
  net::Response wait = says(202);
  wait.headers.emplace_back(kClusterHeader, "theirs");
  net::Response none = says(421);
  none.headers.emplace_back(kClusterHeader, "theirs");
  const PeerStandIn peer(answers({wait, none}));
  EXPECT_EQ(ask(peer).outcome, Outcome::kFailed);
  EXPECT_EQ(heard, (std::vector<std::string>{"theirs lets in", "theirs"}));
}

TEST_F(JoinerTest, GoesToTheLeaderThatIsNamed) {
  PeerStandIn leader(answers({says(200)}));
  PeerStandIn follower(answers({says(421, leader.address())}));
  const Joiner::Result result = ask(follower);
  EXPECT_EQ(result.outcome, Outcome::kJoined);
  EXPECT_EQ(result.address, follower.address());
  EXPECT_THAT(leader.asked(), SizeIs(1));
}

TEST_F(JoinerTest, FollowsTenRequestsAndNoMore) {
  PeerStandIn peer;
  peer.answer(answers({says(421, peer.address())}));
  const Joiner::Result result = ask(peer);
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.text, "max redirects exceeded");
  EXPECT_THAT(peer.asked(), SizeIs(10));
}

TEST_F(JoinerTest, WhoeverLetsItInBeginsTheCountAnew) {
  PeerStandIn peer;
  std::vector<net::Response> responses(9, says(421, peer.address()));
  responses.push_back(says(202));
  responses.insert(responses.end(), 9, says(421, peer.address()));
  responses.push_back(says(200));
  peer.answer(answers(std::move(responses)));
  EXPECT_EQ(ask(peer).outcome, Outcome::kJoined);
  EXPECT_GT(sleeper_.elapsed(), 0s);
}

TEST_F(JoinerTest, WhereThereIsNoLeaderItFails) {
  const PeerStandIn peer(answers({says(421)}));
  EXPECT_EQ(ask(peer).outcome, Outcome::kFailed);
  EXPECT_EQ(ask(peer).text, "no leader");
}

TEST_F(JoinerTest, TellsWhatItWasTold) {
  const PeerStandIn refusing(answers({says(409, "node ID seven is in use")}));
  EXPECT_EQ(ask(refusing).outcome, Outcome::kFailed);
  EXPECT_EQ(ask(refusing).text, "node ID seven is in use");
  const PeerStandIn closed(answers({says(503, "store not open")}));
  EXPECT_EQ(ask(closed).text, "store not open");
  const PeerStandIn polite(answers({says(503, "store not open\n")}));
  EXPECT_EQ(ask(polite).text, "store not open");
  const PeerStandIn strict(answers({says(401, "unauthorized")}));
  EXPECT_EQ(ask(strict).text, "unauthorized");
}

TEST_F(JoinerTest, ANodeThatWasRemovedHearsThatItWas) {
  const PeerStandIn peer(answers({removed("mine")}));
  cluster_ = "mine";
  EXPECT_EQ(ask(peer).outcome, Outcome::kRemoved);
  EXPECT_EQ(ask(peer).text, "removed");
}

TEST_F(JoinerTest, OnlyItsOwnClusterCanRemoveANode) {
  const PeerStandIn peer(answers({removed("another"), says(410, "removed"), removed("")}));
  cluster_ = "mine";
  for (int i = 0; i < 2; i++) EXPECT_EQ(ask(peer).text, "another cluster says: removed");
  cluster_ = "";
  EXPECT_EQ(ask(peer).outcome, Outcome::kFailed);
}

TEST_F(JoinerTest, WhoeverCannotBeReachedIsNamed) {
  const Joiner::Result result = joiner().ask("127.0.0.1:1");
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_THAT(result.text, HasSubstr("127.0.0.1:1"));
}

TEST_F(JoinerTest, WhoeverDoesNotAnswerCostsItsTime) {
  const PeerStandIn peer;  // never answers
  options_.timeout = 1ms;
  EXPECT_EQ(ask(peer).outcome, Outcome::kFailed);
}

// Rounds.

TEST_F(JoinerTest, OneRoundAsksAllInOrderUntilOneLetsItIn) {
  PeerStandIn first(answers({says(503, "store not open")}));
  PeerStandIn second(answers({says(200)}));
  PeerStandIn third(answers({says(200)}));
  const Joiner::Result result =
      joiner().join_once({first.address(), second.address(), third.address()});
  EXPECT_EQ(result.outcome, Outcome::kJoined);
  EXPECT_EQ(result.address, second.address());
  EXPECT_THAT(first.asked(), SizeIs(1));
  EXPECT_THAT(third.asked(), SizeIs(0));
}

TEST_F(JoinerTest, SoManyRoundsAreMade) {
  PeerStandIn peer(answers({says(421)}));
  options_.attempts = 3;
  const Joiner::Result result = joiner().join({peer.address()});
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.text, "failed to join cluster");
  EXPECT_THAT(peer.asked(), SizeIs(3));
  EXPECT_EQ(sleeper_.elapsed(), 2 * options_.interval);
}

TEST_F(JoinerTest, ALaterRoundMayDo) {
  PeerStandIn peer(answers({says(421), says(421), says(200)}));
  EXPECT_EQ(joiner().join({peer.address()}).outcome, Outcome::kJoined);
  EXPECT_THAT(peer.asked(), SizeIs(3));
}

TEST_F(JoinerTest, WhoeverWasRemovedMakesNoMoreRounds) {
  PeerStandIn peer(answers({removed("mine")}));
  cluster_ = "mine";
  EXPECT_EQ(joiner().join({peer.address(), peer.address()}).outcome, Outcome::kRemoved);
  EXPECT_THAT(peer.asked(), SizeIs(1));
}

TEST_F(JoinerTest, AMemberWhoseClusterHasALeaderNeedsNobodyToLetItIn) {
  PeerStandIn peer(answers({says(421)}));
  int asked = 0;
  options_.takes_part = [&asked] { return ++asked == 3; };
  EXPECT_EQ(joiner().join({"127.0.0.1:1", peer.address()}).outcome, Outcome::kJoined);
  EXPECT_THAT(peer.asked(), SizeIs(1));
  EXPECT_EQ(sleeper_.elapsed(), options_.interval);
}

TEST_F(JoinerTest, AMemberToldThatItWasRemovedBelievesIt) {
  const PeerStandIn peer(answers({removed("mine")}));
  cluster_ = "mine";
  options_.takes_part = [] { return true; };
  EXPECT_EQ(joiner().join({peer.address()}).outcome, Outcome::kRemoved);
}

// The end.

TEST_F(JoinerTest, AStopEndsTheWaitForTheNextRound) {
  PeerStandIn peer;
  peer.answer([this](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>& reply) {
    stop_ = true;
    reply->send(says(421));
  });
  options_.interval = 1h;
  const Joiner::Result result = joiner().join({peer.address()});
  EXPECT_EQ(result.outcome, Outcome::kStopped);
  EXPECT_EQ(result.text, "join operation canceled");
}

TEST_F(JoinerTest, AStopEndsTheWaitForCatchingUp) {
  PeerStandIn peer;
  peer.answer([this](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>& reply) {
    stop_ = true;
    reply->send(says(202));
  });
  EXPECT_EQ(ask(peer).outcome, Outcome::kStopped);
}

TEST_F(JoinerTest, WhoeverIsWokenToStopStops) {
  PeerStandIn peer(answers({says(421)}));
  sleeper_.stop_at(options_.interval);
  EXPECT_EQ(joiner().join({peer.address()}).outcome, Outcome::kStopped);
  EXPECT_THAT(peer.asked(), SizeIs(1));
}

}  // namespace
}  // namespace rqlite::cluster
