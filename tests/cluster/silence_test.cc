#include "cluster/silence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "raft/members.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr raft::RaftId kSelf(1);
constexpr raft::RaftId kSecond(2);
constexpr raft::RaftId kThird(3);

// Looks are every 100 ms; a member may be silent for 10 s, and is missed after 5 s.
class SilenceTest : public testing::Test {
 protected:
  using Changes = std::vector<std::string>;

  SilenceTest() { look(); }

  // Looks once more, `passed` after the last time: "2 is missed", "2 is back".
  Changes look(Nanos passed = 100ms) {
    now_ += passed;
    return look_now();
  }
  // The same for so long, in time.
  Changes look_for(Nanos time) {
    Changes all;
    for (Nanos passed = 0ns; passed < time; passed += 100ms) {
      for (const std::string& each : look()) all.push_back(each);
    }
    return all;
  }
  void hear(raft::RaftId id) { heard_[id] = now_; }
  Nanos of(raft::RaftId id) { return silence_.of(id); }

  TimePoint now_{1h};
  raft::Term term_{1};
  Nanos allowed_ = 10s;
  std::map<raft::RaftId, TimePoint> heard_;
  std::map<raft::RaftId, store::Member> members_ = {
      {kSelf, {"one", "", true}}, {kSecond, {"two", "", true}}, {kThird, {"three", "", true}}};

  [[nodiscard]] store::Membership membership() const {
    raft::Members parts;
    for (const auto& [id, member] : members_) parts.voters.push_back(id);
    return {members_, raft::encode_members(parts)};
  }
  Silence silence_{kSelf,
                   {100ms, 5s},
                   [this](raft::RaftId id) { return heard_[id]; },
                   [this](const store::Membership::Entry&) { return allowed_; }};

 private:
  Changes look_now() {
    Changes changes;
    for (const auto& [id, is_missed] : silence_.look(term_, membership(), now_)) {
      changes.push_back(id.to_string() + (is_missed ? " is missed" : " is back"));
    }
    return changes;
  }
};

// Since when it counts.

TEST_F(SilenceTest, SilenceCountsFromTheLastWordOn) {
  look_for(3s);
  hear(kSecond);
  look_for(2s);
  EXPECT_EQ(of(kSecond), 2s);
  EXPECT_EQ(of(kThird), 5s);
}

TEST_F(SilenceTest, NotFromBeforeThisNodeLed) {
  EXPECT_EQ(of(kSecond), 0s);
  look();
  EXPECT_EQ(of(kSecond), 100ms);
  silence_.forget();
  look();
  EXPECT_EQ(of(kSecond), 0s);
}

TEST_F(SilenceTest, NorFromBeforeThisTerm) {
  look_for(3s);
  term_ = raft::Term(3);  // it lost and won again between two looks
  look();
  EXPECT_EQ(of(kSecond), 0s);
}

TEST_F(SilenceTest, WhoJoinsBeginsAnew) {
  constexpr raft::RaftId kNew(9);
  look_for(1h);
  members_[kNew] = {"nine", "", true};
  look();
  EXPECT_EQ(of(kNew), 0s);
  look();
  EXPECT_EQ(of(kNew), 100ms);
}

TEST_F(SilenceTest, WhoWasRemovedAndJoinsAgainBeginsAnew) {
  hear(kThird);
  look_for(9s);
  const store::Member third = members_[kThird];
  members_.erase(kThird);
  silence_.keep_only(membership());  // between two looks
  members_[kThird] = third;
  look();
  EXPECT_EQ(of(kThird), 0s);
  EXPECT_EQ(of(kSecond), 9100ms);
}

TEST_F(SilenceTest, NobodyListensToItself) {
  look_for(1h);
  EXPECT_EQ(of(kSelf), 0s);
}

// This node was stopped.

TEST_F(SilenceTest, AfterALongPauseEverybodyHasTheWholeTime) {
  look_for(9900ms);
  look(10s);
  EXPECT_EQ(of(kSecond), 0s);
  look_for(10s);
  EXPECT_EQ(of(kSecond), 10s);
}

TEST_F(SilenceTest, WhatIsLongDependsOnWhatIsAllowed) {
  look_for(9s);
  look(1s);
  EXPECT_EQ(of(kSecond), 9s);
  look(1001ms);
  EXPECT_EQ(of(kSecond), 0s);
  look_for(9s);
  allowed_ = 3h;
  look(10min);
  EXPECT_EQ(of(kSecond), 9s);
}

TEST_F(SilenceTest, APauseIsNobodysSilence) {
  allowed_ = 0s;
  look_for(1s);
  look(1h);
  EXPECT_EQ(of(kSecond), 1s);
}

TEST_F(SilenceTest, ALeaderThatIsOftenLateHasEnoughOfSomebodyAllTheSame) {
  for (int i = 0; i < 101; i++) {
    look();
    look(500ms);
  }
  EXPECT_GT(of(kSecond), 10s);
}

TEST_F(SilenceTest, ALookIsNotLateAtOnce) {
  look(300ms);
  EXPECT_EQ(of(kSecond), 300ms);
  look(301ms);
  EXPECT_EQ(of(kSecond), 300ms);
}

TEST_F(SilenceTest, WhoIsHeardOfRightAfterAPauseIsNotSilent) {
  look_for(1s);
  now_ += 500ms;
  hear(kSecond);
  look(0s);
  EXPECT_EQ(of(kSecond), 0s);
  look();
  EXPECT_EQ(of(kSecond), 100ms);
}

// Who is missed.

TEST_F(SilenceTest, WhoIsSilentForLongerIsMissedOnce) {
  hear(kThird);
  EXPECT_THAT(look_for(5s), IsEmpty());
  hear(kThird);
  EXPECT_THAT(look(), ElementsAre("2 is missed"));
  EXPECT_THAT(look_for(4s), IsEmpty());
}

TEST_F(SilenceTest, AndBackOnce) {
  look_for(6s);
  hear(kSecond);
  EXPECT_THAT(look(), ElementsAre("2 is back"));
  hear(kSecond);
  EXPECT_THAT(look(), IsEmpty());
  EXPECT_THAT(look_for(5s), ElementsAre("2 is missed"));
}

TEST_F(SilenceTest, APauseBringsNobodyBackAndHasNobodyMissed) {
  look_for(5s);
  hear(kThird);
  EXPECT_THAT(look(), ElementsAre("2 is missed"));
  EXPECT_THAT(look(1h), IsEmpty());
  EXPECT_THAT(look(), IsEmpty());
  hear(kSecond);
  EXPECT_THAT(look(), ElementsAre("2 is back"));
}

TEST_F(SilenceTest, WhoIsRemovedIsNotMissedAnyMore) {
  look_for(6s);
  members_.erase(kSecond);
  hear(kThird);
  EXPECT_THAT(look(), ElementsAre("3 is back"));
}

}  // namespace
}  // namespace rqlite::cluster
