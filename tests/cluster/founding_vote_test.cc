#include "cluster/founding_vote.h"

#include <gtest/gtest.h>

namespace rqlite::cluster {
namespace {

using Answer = FoundingVote::Answer;
using Kind = FoundingVote::Answer::Kind;

constexpr raft::RaftId kA(1);
constexpr raft::RaftId kB(2);

Attempt attempt_of(std::string cluster_id, Ballot birth) {
  Attempt attempt{std::move(cluster_id), birth, {}};
  attempt.parties[kA] = {{"a", "host:1"}, true};
  attempt.parties[kB] = {{"b", "host:2"}, true};
  return attempt;
}

class FoundingVoteTest : public ::testing::Test {
 protected:
  Kind prepare(const Attempt& attempt, Ballot ballot) {
    return vote.prepare(attempt, ballot, cluster_id, true).kind;
  }
  Kind accept(const Attempt& attempt, Ballot ballot, Verdict verdict = Verdict::kFound) {
    return vote.accept(attempt.cluster_id, ballot, verdict, cluster_id).kind;
  }
  [[nodiscard]] std::string bound_to() const {
    return vote.state().attempt ? vote.state().attempt->cluster_id : "";
  }

  FoundingVote vote{FoundingVote::State()};
  std::string cluster_id;
  const Attempt first = attempt_of("first", {1, kA});
  const Attempt second = attempt_of("second", {2, kB});
};

TEST_F(FoundingVoteTest, APromiseBindsToTheAttempt) {
  EXPECT_EQ(prepare(first, {1, kA}), Kind::kGranted);
  EXPECT_EQ(bound_to(), "first");
  EXPECT_EQ(prepare(second, {2, kB}), Kind::kBusy);
  EXPECT_EQ(bound_to(), "first");
}

TEST_F(FoundingVoteTest, LaterBallotsOutrunEarlierOnes) {
  EXPECT_EQ(prepare(first, {1, kA}), Kind::kGranted);
  EXPECT_EQ(prepare(first, {3, kB}), Kind::kGranted);
  EXPECT_EQ(prepare(first, {2, kA}), Kind::kOutrun);
  EXPECT_EQ(accept(first, {2, kA}), Kind::kOutrun);
  EXPECT_EQ(accept(first, {3, kA}), Kind::kOutrun);
  EXPECT_EQ(accept(first, {3, kB}), Kind::kGranted);
}

TEST_F(FoundingVoteTest, WhatWasAcceptedIsToldToWhoPreparesNext) {
  (void)prepare(first, {1, kA});
  (void)accept(first, {1, kA});
  const Answer answer = vote.prepare(first, {2, kB}, "", true);
  EXPECT_EQ(answer.kind, Kind::kGranted);
  EXPECT_EQ(answer.accepted, (FoundingVote::Accepted{{1, kA}, Verdict::kFound}));
  (void)accept(first, {2, kB}, Verdict::kDrop);
  EXPECT_EQ(vote.state().accepted, (FoundingVote::Accepted{{2, kB}, Verdict::kDrop}));
}

TEST_F(FoundingVoteTest, TheSameAskedTwiceIsAnsweredTheSame) {
  EXPECT_EQ(prepare(first, {1, kA}), Kind::kGranted);
  EXPECT_EQ(prepare(first, {1, kA}), Kind::kGranted);
  EXPECT_EQ(accept(first, {1, kA}), Kind::kGranted);
  EXPECT_EQ(accept(first, {1, kA}), Kind::kGranted);
}

TEST_F(FoundingVoteTest, WhatWasDroppedNeverBindsAgain) {
  (void)prepare(first, {1, kA});
  vote.learn("first", Verdict::kDrop);
  EXPECT_EQ(bound_to(), "");
  EXPECT_EQ(prepare(first, {1, kA}), Kind::kNever);
  EXPECT_EQ(prepare(first, {9, kA}), Kind::kNever);
  EXPECT_EQ(accept(first, {9, kA}), Kind::kNever);
  EXPECT_EQ(prepare(second, {2, kB}), Kind::kGranted);
}

TEST_F(FoundingVoteTest, AnAttemptOlderThanItsPromiseNeverBinds) {
  (void)prepare(second, {2, kB});
  EXPECT_EQ(prepare(first, {5, kA}), Kind::kNever);
}

TEST_F(FoundingVoteTest, WhatBecameOfAnotherAttemptChangesNothing) {
  (void)prepare(second, {2, kB});
  vote.learn("first", Verdict::kDrop);
  vote.learn("first", Verdict::kFound);
  EXPECT_EQ(bound_to(), "second");
  EXPECT_FALSE(vote.state().is_founded);
}

TEST_F(FoundingVoteTest, WhatIsFoundedIsSaidSo) {
  (void)prepare(first, {1, kA});
  vote.learn("first", Verdict::kFound);
  EXPECT_EQ(prepare(first, {2, kB}), Kind::kIsFounded);
  EXPECT_EQ(accept(first, {2, kB}, Verdict::kDrop), Kind::kIsFounded);
  EXPECT_EQ(prepare(second, {2, kB}), Kind::kBusy);
}

TEST_F(FoundingVoteTest, AMemberOfTheClusterSaysThatItIsFounded) {
  cluster_id = "first";
  EXPECT_EQ(prepare(first, {1, kA}), Kind::kIsFounded);
  EXPECT_EQ(accept(first, {1, kA}), Kind::kIsFounded);
}

TEST_F(FoundingVoteTest, AMemberOfAnotherClusterIsNeverBound) {
  cluster_id = "other";
  EXPECT_EQ(prepare(first, {1, kA}), Kind::kNever);
  EXPECT_EQ(bound_to(), "");
}

TEST_F(FoundingVoteTest, WhoJoinedAnotherClusterStillVotesOnWhatItIsBoundTo) {
  (void)prepare(first, {1, kA});
  (void)accept(first, {1, kA});
  cluster_id = "other";
  const Answer answer = vote.prepare(first, {2, kB}, cluster_id, true);
  EXPECT_EQ(answer.kind, Kind::kGranted);
  EXPECT_TRUE(answer.accepted.has_value());
  EXPECT_TRUE(answer.is_elsewhere);
  EXPECT_EQ(accept(first, {2, kB}), Kind::kGranted);
}

TEST_F(FoundingVoteTest, WhoFoundsNothingIsNotBoundForNow) {
  EXPECT_EQ(vote.prepare(first, {1, kA}, "", false).kind, Kind::kBusy);
  EXPECT_EQ(vote.state(), FoundingVote::State());
  EXPECT_EQ(prepare(first, {1, kA}), Kind::kGranted);
}

TEST_F(FoundingVoteTest, ItsStateComesBackFromItsEncoding) {
  const auto again = [this] { return FoundingVote::decode(FoundingVote::encode(vote.state())); };
  EXPECT_EQ(again(), vote.state());
  (void)prepare(first, {1, kA});
  EXPECT_EQ(again(), vote.state());
  (void)accept(first, {4, kB}, Verdict::kDrop);
  EXPECT_EQ(again(), vote.state());
  vote.learn("first", Verdict::kFound);
  EXPECT_EQ(again(), vote.state());
}

TEST_F(FoundingVoteTest, WhatIsNoStateIsNotTaken) {
  EXPECT_FALSE(FoundingVote::decode(""));
  EXPECT_FALSE(FoundingVote::decode("nonsense"));
  (void)prepare(first, {1, kA});
  (void)accept(first, {1, kA});
  vote.learn("first", Verdict::kFound);
  const Bytes whole = FoundingVote::encode(vote.state());
  for (std::size_t size = 0; size < whole.size(); size++) {
    const auto cut = FoundingVote::decode(BytesView(whole).substr(0, size));
    EXPECT_NE(cut, vote.state()) << size;
  }
}

}  // namespace
}  // namespace rqlite::cluster
