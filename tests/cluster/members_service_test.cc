#include "cluster/members_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>

#include "cluster/members_service_fixture.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::StrEq;

// Learners become voters.

TEST_F(MembersServiceTest, APromotionThatFailsIsTriedAgain) {
  group_.add(kNew, "nine", kNowhere, false);
  group_.match(kNew, 10);
  group_.answer({{Code::kUnknown, "leadership lost"}});
  look();
  EXPECT_EQ(counters_.joins, 0U);
  look();
  EXPECT_EQ(counters_.joins, 1U);
  EXPECT_THAT(told(), SizeIs(2));
}

TEST_F(MembersServiceTest, ANewLeaderLooksTwiceBeforeItPromotes) {
  group_.lead(kThird);
  look();
  group_.add(kNew, "nine", kNowhere, false);
  group_.match(kNew, 10);
  look();
  EXPECT_THAT(told(), IsEmpty());
  group_.lead(kSelf);
  look();
  group_.lead(kThird);
  look();
  group_.lead(kSelf);
  look();
  EXPECT_THAT(told(), IsEmpty());
  look();
  EXPECT_THAT(told(), ElementsAre(StartsWith("voter 9")));
}

TEST_F(MembersServiceTest, WhereEverybodyHasWhatItIsToHaveNobodyIsAsked) {
  group_.add(kNew, "nine", kNowhere, false, false);
  group_.match(kNew, 10);
  look();
  look();
  const int asked = group_.asked_for_matches();
  EXPECT_GT(asked, 0);
  for (int i = 0; i < 3; i++) look();
  EXPECT_EQ(group_.asked_for_matches(), asked);
}

TEST_F(MembersServiceTest, WhoOnlyReadsAndHadCaughtUpIsLookedAtAnewByTheNextLeader) {
  group_.add(kNew, "nine", "127.0.0.1:4", false, false);
  group_.match(kNew, 10);
  look();
  look();
  const JoinRequest again{{kNew, "nine"}, "127.0.0.1:4", false, "mine"};
  EXPECT_EQ(join(again), "member");
  group_.lead(kThird);
  look();
  group_.lead(kSelf);
  EXPECT_EQ(join(again), "catching up");
}

TEST_F(MembersServiceTest, OthersAreLookedAfterAtEachLook) {
  std::atomic<int> looks = 0;
  options_.on_look = [&] { looks++; };
  look();
  EXPECT_EQ(looks, 2);  // one when it began
  group_.lead(kThird);
  look();
  EXPECT_EQ(looks, 3);
  service().stop();
}

// A leader that has moved.

TEST_F(MembersServiceTest, WhoAloneVotesAndHasMovedSaysSoBeforeAnybodyJoins) {
  group_.forget(kSecond);
  group_.forget(kThird);
  options_.node_id = "uno";
  options_.raft_address = "127.0.0.1:5";
  const LiveNode node(kNew);
  EXPECT_EQ(join(request(node.address())), "catching up");
  EXPECT_THAT(told(), ElementsAre("voter 1 uno 127.0.0.1:5", "learner 9 nine " + node.address()));
  look();
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, WhoAloneVotesAndHasMovedSaysSoByItself) {
  group_.forget(kSecond);
  group_.add(kThird, "three", kNowhere, false, false);
  options_.node_id = "one";
  options_.raft_address = "127.0.0.1:5";
  look();
  EXPECT_THAT(told(), ElementsAre("voter 1 one 127.0.0.1:5"));
}

TEST_F(MembersServiceTest, WhoTakesAnothersNameIsNotKnownByItAndLetsNobodyIn) {
  group_.forget(kSecond);
  group_.add(kThird, "three", kNowhere, false, false);
  options_.node_id = "three";
  options_.raft_address = "127.0.0.1:5";
  EXPECT_EQ(join(request(kNowhere)), "refused: node ID three is in use by another node");
  look();
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, AmongOthersWhoVoteALeaderThatHasMovedHasToJoin) {
  options_.node_id = "one";
  options_.raft_address = "127.0.0.1:5";
  look();
  EXPECT_THAT(told(), IsEmpty());
}

// What a leader does not know yet.

TEST_F(MembersServiceTest, ANewLeaderDecidesOnWhatWasAgreedOnBefore) {
  group_.begin_term(raft::Term(2));
  group_.on_applied([this]() REQUIRES(group_.mutex_) { group_.apply_add(kNew, "nine"); });
  EXPECT_EQ(remove("nine"), "ok");
  EXPECT_THAT(told(), ElementsAre("confirm", "applied 50", "remove 9"));
  EXPECT_EQ(remove("three"), "ok");
  EXPECT_THAT(told(), ElementsAre("remove 3"));  // in the same term
}

TEST_F(MembersServiceTest, ALeaderThatNoMajorityConfirmsDecidesNothing) {
  group_.begin_term(raft::Term(2));
  group_.confirmed({Code::kNotLeader, "not leader"});
  EXPECT_EQ(remove("three"), "not leader: not leader");
  const LiveNode node(kNew);
  EXPECT_EQ(join(request(node.address())), "not leader: ");
  EXPECT_THAT(told(), Each(StrEq("confirm")));
}

// Leadership is handed over.

TEST_F(MembersServiceTest, HandsOverToTheMemberOfThatName) {
  group_.match(kThird, 10);
  EXPECT_EQ(hand_over("two"), "ok");
  EXPECT_THAT(told(), ElementsAre("transfer to 2"));
}

TEST_F(MembersServiceTest, HandsOverToTheVoterThatHasMost) {
  group_.add(kNew, "nine", kNowhere, false, false);
  group_.match(kSelf, 20);
  group_.match(kNew, 20);
  group_.match(kSecond, 10);
  group_.match(kThird, 9);
  EXPECT_EQ(hand_over(""), "ok");
  EXPECT_THAT(told(), ElementsAre("transfer to 2"));
}

TEST_F(MembersServiceTest, OnlyAnotherVoterCanLead) {
  group_.add(kNew, "nine", kNowhere, false);
  EXPECT_EQ(hand_over("nobody"), "invalid: node not found in cluster");
  EXPECT_EQ(hand_over("one"), "invalid: cannot step down to the current Leader");
  EXPECT_EQ(hand_over("nine"), "invalid: cannot step down to a non-voting node");
  group_.forget(kSecond);
  group_.forget(kThird);
  EXPECT_EQ(hand_over(""), "invalid: cannot find peer");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, OnlyTheLeaderHandsOver) {
  group_.lead(kThird);
  EXPECT_EQ(hand_over("two"), "not leader: not leader");
  group_.lead(kNobody);
  EXPECT_EQ(hand_over(""), "no leader: leader not found");
}

TEST_F(MembersServiceTest, OneHandOverAtATime) {
  group_.transferring();
  EXPECT_EQ(hand_over("two"), "unavailable: leadership transfer in progress");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, SomebodyElseMayBeElected) {
  group_.elect_instead(kThird);
  EXPECT_EQ(hand_over("two"), "unavailable: another node became the leader");
}

TEST_F(MembersServiceTest, AnElectionIsWaitedFor) {
  group_.elect_instead(kNobody);
  std::future<std::string> handed = ask_to_hand_over("two");
  sleep_over(kPoll);
  clock_.await_sleeper(clock_.now() + kPoll);
  group_.lead(kSecond);
  clock_.advance(kPoll);
  EXPECT_EQ(handed.get(), "ok");
}

TEST_F(MembersServiceTest, AnElectionIsNotWaitedForForEver) {
  group_.elect_instead(kNobody);
  std::future<std::string> handed = ask_to_hand_over("two");
  sleep_over(kPoll, options_.transfer_timeout - 1ns);
  sleep_over(kPoll);
  EXPECT_EQ(handed.get(), "deadline: leadership transfer timeout");
}

// The end.

TEST_F(MembersServiceTest, AStopEndsTheWaitForTheLogAndRefusesWhatWaits) {
  group_.hold();
  std::future<std::string> removed = ask_to_remove("two");
  group_.await_told(1);
  std::future<std::string> joined = ask_to_join(request(kNowhere));
  std::future<std::string> handed = ask_to_hand_over("");
  service().stop();
  EXPECT_EQ(removed.get(), "unavailable: shutting down");
  EXPECT_EQ(joined.get(), "refused: shutting down");
  EXPECT_EQ(handed.get(), "unavailable: shutting down");
  group_.answer_late();
}

TEST_F(MembersServiceTest, AStopEndsTheWaitForAMajority) {
  JoinRequest wish = request(kNowhere);
  wish.cluster_id = "mine";
  group_.hold();
  std::future<std::string> joined = ask_to_join(wish);
  group_.await_told(1);
  service().stop();
  EXPECT_EQ(joined.get(), "not leader: ");
  group_.answer_late();
}

TEST_F(MembersServiceTest, AStopEndsTheWaitForAnotherChange) {
  group_.answer({{Code::kUnavailable, "another change is under way"}});
  std::future<std::string> removed = ask_to_remove("two");
  clock_.await_sleeper(clock_.now() + kRetry);
  service().stop();
  EXPECT_EQ(removed.get(), "unavailable: shutting down");
}

TEST_F(MembersServiceTest, AStopEndsTheWaitForAnElection) {
  group_.elect_instead(kNobody);
  std::future<std::string> handed = ask_to_hand_over("two");
  clock_.await_sleeper(clock_.now() + kPoll);
  service().stop();
  EXPECT_EQ(handed.get(), "unavailable: shutting down");
}

TEST_F(MembersServiceTest, AStopEndsALookThatWaitsForTheLog) {
  group_.add(kNew, "nine", kNowhere, false);
  group_.hold();
  service();
  sleep_over(kLook);
  group_.await_matches();
  service().stop();
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, AfterTheEndEverybodyIsRefused) {
  service().stop();
  EXPECT_EQ(remove("two"), "unavailable: shutting down");
  EXPECT_EQ(join(request(kNowhere)), "refused: shutting down");
  EXPECT_THAT(told(), IsEmpty());
}

}  // namespace
}  // namespace rqlite::cluster
