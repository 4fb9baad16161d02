#include "cluster/founding_round.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace rqlite::cluster {
namespace {

using Kind = FoundingRequest::Kind;
using Outcome = FoundingRound::Outcome;
using AnswerKind = FoundingVote::Answer::Kind;
using Addresses = std::vector<std::string>;

FounderView view_of(std::uint64_t id, std::uint64_t expect) {
  FounderView view;
  view.identity = {raft::RaftId(id), "n" + std::to_string(id)};
  view.raft_address = "host:" + std::to_string(id);
  view.expect = expect;
  return view;
}

// Node 1 is the one whose round it is. Nodes that answer are in `views`, by address.
class FoundingRoundTest : public ::testing::Test {
 protected:
  void there_are(std::uint64_t count, std::uint64_t expected) {
    expect = expected;
    for (std::uint64_t id = 1; id <= count; id++)
      views["host:" + std::to_string(id)] = view_of(id, expected);
  }
  FounderView& node(int id) { return views.at("host:" + std::to_string(id)); }

  // Asks for views until it knows them all.
  FoundingRound look(Addresses addresses, int patience = 0, std::uint64_t own = 1) {
    FoundingRound round({raft::RaftId(own), "host:" + std::to_string(own), expect, addresses},
                        patience, [] { return std::string("a new cluster"); });
    while (!round.calls().empty() && round.calls().front().request.kind == Kind::kView) {
      std::vector<FoundingRound::Reply> replies;
      for (const auto& call : round.calls()) {
        asked.push_back(call.address);
        const auto view = views.find(call.address);
        if (view == views.end()) {
          replies.push_back({{}, {}, "connection refused"});
        } else {
          replies.push_back({view->second, {}, ""});
        }
      }
      round.take(replies);
    }
    return round;
  }
  // All calls of a step are answered alike.
  static void answer(FoundingRound& round, AnswerKind kind) {
    std::vector<FoundingRound::Reply> replies;
    for (std::size_t i = 0; i < round.calls().size(); i++) {
      replies.push_back({{}, FoundingVote::Answer{kind, {}, {}, false}, ""});
    }
    round.take(replies);
  }
  // The first `grants` grant, the others do not answer.
  static void grant(FoundingRound& round, std::size_t grants,
                    std::optional<FoundingVote::Accepted> accepted = {}) {
    std::vector<FoundingRound::Reply> replies(round.calls().size());
    for (std::size_t i = 0; i < std::min(grants, replies.size()); i++) {
      replies[i].vote = FoundingVote::Answer{AnswerKind::kGranted, {}, accepted, false};
    }
    round.take(replies);
  }
  static Kind kind_of(const FoundingRound& round) { return round.calls().front().request.kind; }
  static Verdict verdict_of(const FoundingRound& round) {
    return round.calls().front().request.verdict;
  }

  std::uint64_t expect = 3;
  std::map<std::string, FounderView> views;
  Addresses asked;
  const Addresses all_three{"host:1", "host:2", "host:3"};
};

TEST_F(FoundingRoundTest, ThreeThatAreExpectedFoundACluster) {
  there_are(3, 3);
  FoundingRound round = look(all_three);
  ASSERT_EQ(round.calls().size(), 1u);  // its own vote first
  EXPECT_EQ(round.calls().front().address, "host:1");
  grant(round, 1);
  ASSERT_EQ(round.calls().size(), 3u);
  EXPECT_EQ(kind_of(round), Kind::kPrepare);
  EXPECT_EQ(round.calls().front().request.attempt.members().size(), 3u);
  grant(round, 3);
  EXPECT_EQ(kind_of(round), Kind::kAccept);
  EXPECT_EQ(verdict_of(round), Verdict::kFound);
  grant(round, 2);
  EXPECT_EQ(kind_of(round), Kind::kLearn);
  EXPECT_EQ(verdict_of(round), Verdict::kFound);
  EXPECT_EQ(round.calls().size(), 3u);
  grant(round, 0);
  EXPECT_EQ(round.outcome(), Outcome::kFounded);
}

TEST_F(FoundingRoundTest, WhoOnlyJoinsFoundsNothing) {
  there_are(3, 0);
  const FoundingRound round = look(all_three);
  EXPECT_TRUE(round.calls().empty());
  EXPECT_EQ(round.why(), "this node only joins");
}

TEST_F(FoundingRoundTest, TooFewWait) {
  there_are(2, 3);
  const FoundingRound round = look(all_three);
  EXPECT_TRUE(round.calls().empty());
  EXPECT_EQ(round.outcome(), Outcome::kWaits);
  EXPECT_EQ(round.why(), "2 of 3 nodes that it takes are there");
  EXPECT_EQ(round.silent().at("host:3"), "connection refused");
}

TEST_F(FoundingRoundTest, AMajorityOfTheListHasToAgree) {
  there_are(2, 2);
  EXPECT_EQ(look({"host:1", "host:2", "host:3", "host:4"}).why(),
            "2 of 3 nodes that it takes are there");
  there_are(3, 2);
  FoundingRound round = look({"host:1", "host:2", "host:3", "host:4", "host:5"});
  grant(round, 1);
  EXPECT_EQ(round.calls().size(), 3u);
  EXPECT_EQ(round.attempt()->members().size(), 2u);
}

TEST_F(FoundingRoundTest, TheListIsThatOfAllWhoAnswer) {
  there_are(3, 3);
  node(2).addresses = {"host:4", "host:5", "host:6"};
  node(3).addresses = {"host:7"};
  EXPECT_EQ(look(all_three).why(), "3 of 4 nodes that it takes are there");
  EXPECT_EQ(asked,
            (Addresses{"host:1", "host:2", "host:3", "host:4", "host:5", "host:6", "host:7"}));
}

TEST_F(FoundingRoundTest, ANodeAtSeveralAddressesCountsOnce) {
  there_are(2, 3);
  views["alias:1"] = node(1);
  EXPECT_EQ(look({"host:1", "alias:1", "host:2"}).why(), "2 of 3 nodes that it takes are there");
}

TEST_F(FoundingRoundTest, ItsOwnAddressNeedNotBeListed) {
  there_are(3, 3);
  EXPECT_FALSE(look({"host:2", "host:3"}).calls().empty());
}

TEST_F(FoundingRoundTest, TheLowestIdsAreTheMembers) {
  there_are(5, 3);
  const FoundingRound round = look({"host:5", "host:4", "host:3", "host:2", "host:1"});
  const auto members = round.attempt()->members();
  EXPECT_EQ(members.size(), 3u);
  for (std::uint64_t id : {1, 2, 3}) EXPECT_TRUE(members.contains(raft::RaftId(id)));
}

TEST_F(FoundingRoundTest, TheLowestBeginsAndTheOthersWaitForIt) {
  there_are(3, 3);
  const FoundingRound waits = look(all_three, 0, 2);
  EXPECT_TRUE(waits.calls().empty());
  EXPECT_TRUE(waits.waits_for_another());
  EXPECT_EQ(waits.why(), "node n1 is to begin");
  EXPECT_FALSE(look(all_three, 2, 2).calls().empty());
  EXPECT_TRUE(look(all_three, 2, 3).calls().empty());
  EXPECT_FALSE(look(all_three, 4, 3).calls().empty());
}

TEST_F(FoundingRoundTest, NobodyFoundsWhereAClusterIs) {
  there_are(3, 3);
  node(3).cluster_id = "theirs";
  EXPECT_EQ(look(all_three).outcome(), Outcome::kCluster);
}

TEST_F(FoundingRoundTest, AMemberFoundsNothing) {
  there_are(3, 3);
  node(1).cluster_id = "its own";
  EXPECT_EQ(look(all_three).outcome(), Outcome::kCluster);
}

TEST_F(FoundingRoundTest, CopiesAndThoseWhoOnlyJoinDoNotCount) {
  there_are(5, 3);
  node(1).wants_vote = true;
  node(4).wants_vote = false;
  node(5).expect = 0;
  FoundingRound round = look({"host:1", "host:2", "host:3", "host:4", "host:5"});
  grant(round, 1);
  EXPECT_EQ(round.calls().size(), 3u);
  node(3).wants_vote = false;
  EXPECT_EQ(look({"host:1", "host:2", "host:3"}).why(), "2 of 3 nodes that it takes are there");
}

TEST_F(FoundingRoundTest, WhoExpectsAnotherNumberIsNamed) {
  there_are(3, 3);
  node(2).expect = 2;
  EXPECT_EQ(look(all_three).why(),
            "2 of 3 nodes that it takes are there, node n2 expects 2 nodes and this one 3");
}

TEST_F(FoundingRoundTest, TwoOfOneNameAreNotBothMembers) {
  there_are(4, 3);
  node(4).identity.node_id = "n3";
  const FoundingRound round = look({"host:1", "host:2", "host:3", "host:4"});
  EXPECT_TRUE(round.attempt() == std::nullopt || round.attempt()->parties.size() == 3u);
  node(3).identity.node_id = "n2";
  node(4).identity.node_id = "n2";
  EXPECT_EQ(look({"host:1", "host:2", "host:3", "host:4"}).why(),
            "2 of 3 nodes that it takes are there");
}

TEST_F(FoundingRoundTest, ItsBallotIsAfterAllThatWerePromised) {
  there_are(3, 3);
  node(2).promised = {7, raft::RaftId(9)};
  const FoundingRound round = look(all_three);
  EXPECT_EQ(round.attempt()->birth, (Ballot{8, raft::RaftId(1)}));
  EXPECT_EQ(round.calls().front().request.ballot, (Ballot{8, raft::RaftId(1)}));
}

TEST_F(FoundingRoundTest, WithoutItsOwnVoteItAsksNobody) {
  there_are(3, 3);
  FoundingRound round = look(all_three);
  answer(round, AnswerKind::kBusy);
  EXPECT_TRUE(round.calls().empty());
  EXPECT_TRUE(round.waits_for_another());
}

TEST_F(FoundingRoundTest, UnlessAllAreBoundItIsDropped) {
  there_are(3, 3);
  FoundingRound round = look(all_three);
  grant(round, 1);
  grant(round, 2);
  EXPECT_EQ(kind_of(round), Kind::kAccept);
  EXPECT_EQ(verdict_of(round), Verdict::kDrop);
  grant(round, 2);
  EXPECT_EQ(verdict_of(round), Verdict::kDrop);
  grant(round, 3);
  EXPECT_EQ(round.outcome(), Outcome::kDropped);
}

TEST_F(FoundingRoundTest, WithoutAMajorityNothingIsDecided) {
  there_are(3, 3);
  FoundingRound round = look(all_three);
  grant(round, 1);
  grant(round, 1);
  EXPECT_TRUE(round.calls().empty());
  EXPECT_EQ(round.outcome(), Outcome::kWaits);
  FoundingRound again = look(all_three);
  grant(again, 1);
  grant(again, 3);
  grant(again, 1);
  EXPECT_EQ(again.outcome(), Outcome::kWaits);
}

// Somebody may have been told that it is found.
TEST_F(FoundingRoundTest, WhatWasAcceptedIsAskedForAgain) {
  there_are(3, 3);
  const Attempt earlier{"earlier",
                        {1, raft::RaftId(3)},
                        {{raft::RaftId(1), {{"n1", "host:1"}, true}},
                         {raft::RaftId(2), {{"n2", "host:2"}, true}},
                         {raft::RaftId(3), {{"n3", "host:3"}, true}}}};
  node(1).attempt = node(2).attempt = earlier;
  views.erase("host:3");
  EXPECT_TRUE(look(all_three, 0).waits_for_another());
  FoundingRound round = look(all_three, 1);
  EXPECT_EQ(round.calls().front().request.attempt, earlier);
  grant(round, 1);
  grant(round, 2, FoundingVote::Accepted{{1, raft::RaftId(3)}, Verdict::kFound});
  EXPECT_EQ(kind_of(round), Kind::kAccept);
  EXPECT_EQ(verdict_of(round), Verdict::kFound);
}

TEST_F(FoundingRoundTest, ThatOneIsAMemberSettlesIt) {
  there_are(3, 3);
  Attempt earlier{
      "earlier",
      {1, raft::RaftId(3)},
      {{raft::RaftId(1), {{"n1", "host:1"}, true}}, {raft::RaftId(3), {{"n3", "host:3"}, true}}}};
  node(1).attempt = earlier;
  node(3).cluster_id = "earlier";
  FoundingRound round = look(all_three);
  EXPECT_EQ(kind_of(round), Kind::kLearn);
  EXPECT_EQ(verdict_of(round), Verdict::kFound);
}

TEST_F(FoundingRoundTest, ThatOneWillNeverBeBoundSettlesItToo) {
  there_are(3, 3);
  FoundingRound round = look(all_three);
  grant(round, 1);
  answer(round, AnswerKind::kNever);
  EXPECT_EQ(kind_of(round), Kind::kLearn);
  EXPECT_EQ(verdict_of(round), Verdict::kDrop);
}

TEST_F(FoundingRoundTest, AMemberElsewhereVotesButDoesNotFound) {
  there_are(3, 3);
  FoundingRound round = look(all_three);
  grant(round, 1);
  std::vector<FoundingRound::Reply> replies(3);
  for (auto& each : replies) each.vote = FoundingVote::Answer{AnswerKind::kGranted, {}, {}, false};
  replies[2].vote->is_elsewhere = true;
  round.take(replies);
  EXPECT_EQ(verdict_of(round), Verdict::kDrop);
}

TEST_F(FoundingRoundTest, WhoIsBoundElsewhereIsLeftAlone) {
  there_are(4, 2);
  node(1).attempt = std::nullopt;
  node(2).attempt =
      Attempt{"theirs", {1, raft::RaftId(2)}, {{raft::RaftId(2), {{"n2", "host:2"}, true}}}};
  const Addresses all{"host:1", "host:2", "host:3", "host:4"};
  EXPECT_TRUE(look(all, 0).waits_for_another());
  const FoundingRound round = look(all, 2);
  ASSERT_TRUE(round.attempt());
  EXPECT_FALSE(round.attempt()->parties.contains(raft::RaftId(2)));
  node(3).attempt = node(2).attempt;
  EXPECT_EQ(look(all, 2).why(), "other nodes are founding a cluster");
}

}  // namespace
}  // namespace rqlite::cluster
