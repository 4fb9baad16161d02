#include "raft/handover.h"

#include <gtest/gtest.h>

#include <set>

namespace rqlite::raft {
namespace {

const RaftId kSelf(1);
const RaftId kSecond(2);
const RaftId kThird(3);
const RaftId kFourth(4);
const RaftId kFifth(5);
const RaftId kLearner(6);

// Three voters and a learner, of whom all were just heard; each is asked once in 10 ticks.
class HandoverTest : public testing::Test {
 protected:
  HandoverTest() { hear_all(); }

  void hear_all() {
    for (const RaftId each : {kSecond, kThird, kLearner}) handover_.heard(each, true);
  }
  void pass(int ticks) {
    for (int i = 0; i < ticks; i++) handover_.tick();
  }
  std::optional<RaftId> next() {
    return handover_.next(kSelf, members_, [this](RaftId id) { return !behind_.contains(id); });
  }

  Members members_{{kSelf, kSecond, kThird}, {kLearner}};
  std::set<RaftId> behind_;
  Handover handover_{10};
};

TEST_F(HandoverTest, AllVotersAreAskedInTurn) {
  EXPECT_EQ(next(), kSecond);
  EXPECT_EQ(next(), kThird);
  EXPECT_EQ(next(), std::nullopt);
}

TEST_F(HandoverTest, WhoeverWasAskedIsLeftAloneForAWhile) {
  EXPECT_EQ(next(), kSecond);
  pass(3);
  EXPECT_EQ(next(), kThird);
  pass(6);
  hear_all();
  EXPECT_EQ(next(), std::nullopt);
  pass(1);
  EXPECT_EQ(next(), kSecond);
  EXPECT_EQ(next(), std::nullopt);
  pass(3);
  EXPECT_EQ(next(), kThird);
}

TEST_F(HandoverTest, TheOneThatWasAskedLongestAgoComesFirst) {
  behind_ = {kSecond};
  EXPECT_EQ(next(), kThird);
  pass(1);
  behind_ = {};
  EXPECT_EQ(next(), kSecond);
  pass(20);
  hear_all();
  EXPECT_EQ(next(), kThird);
}

TEST_F(HandoverTest, WhoeverIsBehindIsNotAsked) {
  behind_ = {kSecond, kThird};
  EXPECT_EQ(next(), std::nullopt);
  behind_ = {kSecond};
  EXPECT_EQ(next(), kThird);
}

TEST_F(HandoverTest, WhoeverWasNotHeardOfLatelyIsNotAsked) {
  members_ = {{kSelf, kSecond, kThird, kFourth, kFifth}, {}};
  for (const RaftId each : {kFourth, kFifth}) handover_.heard(each, true);
  pass(6);
  for (const RaftId each : {kThird, kFourth, kFifth}) handover_.heard(each, true);
  EXPECT_EQ(next(), kThird);
}

TEST_F(HandoverTest, WhoeverHasNoRoomIsNotAsked) {
  members_ = {{kSelf, kSecond, kThird, kFourth, kFifth}, {}};
  for (const RaftId each : {kFourth, kFifth}) handover_.heard(each, true);
  handover_.heard(kSecond, false);
  EXPECT_EQ(next(), kThird);
}

TEST_F(HandoverTest, NobodyIsAskedWithoutAMajorityThatCouldWrite) {
  handover_.heard(kThird, false);
  EXPECT_EQ(next(), std::nullopt);
  hear_all();
  pass(6);
  handover_.heard(kThird, true);
  EXPECT_EQ(next(), std::nullopt);
  handover_.heard(kSecond, true);
  EXPECT_EQ(next(), kSecond);
}

TEST_F(HandoverTest, OneOfTwoAsksNobody) {
  members_ = {{kSelf, kSecond}, {kLearner}};
  EXPECT_EQ(next(), std::nullopt);
}

TEST_F(HandoverTest, OneThatComesBackAsAMemberIsNew) {
  EXPECT_EQ(next(), kSecond);
  members_ = {{kSelf, kThird, kLearner}, {}};
  EXPECT_EQ(next(), kThird);
  members_ = {{kSelf, kSecond, kThird}, {}};
  EXPECT_EQ(next(), std::nullopt);  // and was not heard of since
  handover_.heard(kSecond, true);
  EXPECT_EQ(next(), kSecond);
}

TEST_F(HandoverTest, ALeaderThatIsAloneAsksNobody) {
  members_ = {{kSelf}, {kLearner}};
  EXPECT_EQ(next(), std::nullopt);
}

}  // namespace
}  // namespace rqlite::raft
