#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <future>
#include <string>

#include "cluster/members_service_fixture.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Somebody is to be removed.

TEST_F(MembersServiceTest, RemovesAMemberByItsName) {
  EXPECT_EQ(remove("three"), "ok");
  EXPECT_THAT(told(), ElementsAre("remove 3"));
}

TEST_F(MembersServiceTest, WhoIsNoMemberIsAsGoodAsRemoved) {
  EXPECT_EQ(remove("nobody"), "ok");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, OnlyTheLeaderRemoves) {
  group_.lead(kThird);
  EXPECT_EQ(remove("two"), "not leader: not leader");
  group_.lead(kNobody);
  EXPECT_EQ(remove("two"), "no leader: leader not found");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, TheOnlyVoterStays) {
  group_.forget(kThird);
  group_.add(kSecond, "two", kNowhere, false, false);
  EXPECT_EQ(remove("one"), "invalid: need at least one voter in configuration: {[]}");
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(remove("two"), "ok");
}

TEST_F(MembersServiceTest, ARemovalThatIsNotAgreedOnSaysSo) {
  group_.answer({{Code::kUnknown, "leadership lost"}});
  EXPECT_EQ(remove("two"), "unknown: leadership lost");
}

TEST_F(MembersServiceTest, ALeaderThatIsToGoHandsOverToWhoeverHasMost) {
  group_.match(kSecond, 9);
  group_.match(kThird, 10);
  EXPECT_EQ(remove("one"), "not leader: not leader");
  EXPECT_THAT(told(), ElementsAre("leaves", "transfer to 3"));
}

TEST_F(MembersServiceTest, ALeaderThatCannotHandOverStays) {
  group_.elect_instead(kSelf);
  std::future<std::string> removed = ask_to_remove("one");
  sleep_over(kPoll, options_.transfer_timeout);
  EXPECT_EQ(removed.get(), "deadline: leadership transfer timeout");
}

// Who is silent is removed.

TEST_F(MembersServiceTest, WhoIsSilentForTooLongIsRemovedButNotBeforeThisNodeHasLedForSoLong) {
  options_.reap_voters_after = 10s;
  silent_for_[kSecond] = 1h;
  look_for(10s);
  EXPECT_THAT(told(), IsEmpty());
  look();
  EXPECT_THAT(told(), ElementsAre("remove 2"));
  EXPECT_EQ(counters_.reaped, 1U);
  look_for(11s);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, WhoSaysSomethingInTimeStays) {
  options_.reap_voters_after = 10s;
  silent_for_[kSecond] = 10s;
  silent_for_[kThird] = 10s + 1ns;
  look_for(11s);
  EXPECT_THAT(told(), ElementsAre("remove 3"));
}

TEST_F(MembersServiceTest, ANewLeaderGivesEverybodyTime) {
  options_.reap_voters_after = 10s;
  silent_for_[kSecond] = 1h;
  look();
  look_for(9s);
  group_.lead(kThird);
  look_for(11s);
  group_.lead(kSelf);
  look();
  look_for(10s);
  EXPECT_THAT(told(), IsEmpty());
  look();
  EXPECT_THAT(told(), ElementsAre("remove 2"));
}

TEST_F(MembersServiceTest, SoDoesOneThatWasElectedAgain) {
  options_.reap_voters_after = 10s;
  silent_for_[kSecond] = 1h;
  look_for(9s);
  group_.begin_term(raft::Term(2));
  look();
  look_for(10s);
  EXPECT_THAT(told(), ElementsAre("confirm", "applied 50"));
}

TEST_F(MembersServiceTest, ALeaderThatWasStoppedItselfGivesEverybodyTime) {
  options_.reap_voters_after = 10s;
  silent_for_[kSecond] = 1h;
  silent_for_[kThird] = 1h;
  look_for(9s);
  look_after(1h);
  look_for(10s);
  EXPECT_THAT(told(), IsEmpty());
  look();
  EXPECT_THAT(told(), ElementsAre("remove 2"));
  look();
  EXPECT_THAT(told(), ElementsAre("remove 3"));
}

TEST_F(MembersServiceTest, WhoJoinsAfterARemovalHasTheWholeTime) {
  const LiveNode node(kNew);
  options_.reap_voters_after = 10s;
  silent_for_[kNew] = 1h;  // it was not heard of yet
  look_for(60s);
  for (int i = 0; i < 2; i++) {
    EXPECT_EQ(join(request(node.address())), "catching up");
    look();
    look_for(10s);
    EXPECT_THAT(told(), ElementsAre("learner 9 nine " + node.address()));
    EXPECT_EQ(remove("nine"), "ok");
    EXPECT_THAT(told(), ElementsAre("remove 9"));
  }
}

TEST_F(MembersServiceTest, ReadersHaveATimeOfTheirOwn) {
  options_.reap_readers_after = 10s;
  group_.add(kThird, "three", kNowhere, false, false);
  silent_for_[kSecond] = 1h;
  silent_for_[kThird] = 1h;
  look_for(11s);
  EXPECT_THAT(told(), ElementsAre("remove 3"));
}

TEST_F(MembersServiceTest, WhoWasToBecomeAVoterHasTheTimeOfOne) {
  options_.reap_voters_after = 10s;
  group_.add(kThird, "three", kNowhere, false, true);
  silent_for_[kThird] = 1h;
  look_for(11s);
  EXPECT_THAT(told(), ElementsAre("remove 3"));
}

TEST_F(MembersServiceTest, WithoutATimeNobodyIsRemoved) {
  silent_for_[kSecond] = 1h;
  look_for(11s);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, TheLeaderDoesNotRemoveItselfForItsSilence) {
  options_.reap_voters_after = 10s;
  silent_for_[kSelf] = 1h;
  look_for(11s);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, ARemovalThatFailsIsCountedAndTriedAgain) {
  options_.reap_voters_after = 10s;
  silent_for_[kSecond] = 1h;
  group_.answer({{Code::kUnknown, "leadership lost"}});
  look_for(10s);
  look();
  EXPECT_EQ(counters_.failed_reaps, 1U);
  EXPECT_EQ(counters_.reaped, 0U);
  look();
  EXPECT_EQ(counters_.reaped, 1U);
}

// Others are in the way, or not there.

TEST_F(MembersServiceTest, AChangeThatHasToWaitForAnotherOneIsTriedAgain) {
  group_.answer({{Code::kUnavailable, "another change is under way"},
                 {Code::kUnavailable, "another change is under way"}});
  std::future<std::string> removed = ask_to_remove("two");
  sleep_over(kRetry);
  sleep_over(kRetry);
  EXPECT_EQ(removed.get(), "ok");
  EXPECT_THAT(told(), SizeIs(3));
}

TEST_F(MembersServiceTest, ButNotForEver) {
  group_.answer(std::deque<Status>(3, {Code::kUnavailable, "another change is under way"}));
  std::future<std::string> removed = ask_to_remove("two");
  sleep_over(kRetry, options_.change_timeout - 1ns);
  sleep_over(kRetry);
  EXPECT_EQ(removed.get(), "unavailable: another change is under way");
  EXPECT_THAT(told(), SizeIs(3));
}

TEST_F(MembersServiceTest, AMajorityThatDoesNotAnswerIsNotWaitedForForEver) {
  group_.hold();
  std::future<std::string> removed = ask_to_remove("two");
  sleep_over(options_.change_timeout);
  EXPECT_EQ(removed.get(), "deadline: the change of members takes too long: is there a majority?");
  group_.answer_late();
}

}  // namespace
}  // namespace rqlite::cluster
