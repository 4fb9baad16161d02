#include "cluster/leave_loop.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "fakes/fake_sleeper.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using Asked = std::vector<std::string>;

class LeaveLoopTest : public ::testing::Test {
 protected:
  // What the node hears in the end.
  std::string run() {
    LeaveLoop::Means means{[this] { return leader_; },
                           [this](const store::Store::Leader& leader, Nanos timeout) {
                             asked_.push_back(leader.member.node_id);
                             timeouts_.push_back(timeout);
                             return answer();
                           },
                           [this] { return is_member_; }, sleeper_, clock_};
    const Status status = LeaveLoop(options_, std::move(means)).run();
    return status.ok() ? "left" : status.text();
  }
  void leads(const std::string& name) {
    leader_ = store::Store::Leader{raft::RaftId(1), {}, name == "self"};
    leader_->member.node_id = name;
  }
  void nobody_leads() { leader_.reset(); }
  // Is what the next attempt hears; after the last one it succeeds.
  void hears(Code code, std::string text) { answers_.push_back({code, std::move(text)}); }

  FakeClock clock_;
  FakeSleeper sleeper_{clock_};
  LeaveLoop::Options options_;
  std::optional<store::Store::Leader> leader_;
  std::deque<Status> answers_;
  std::optional<Status> always_;
  std::function<void()> when_asked_;
  bool is_member_ = true;
  Asked asked_;
  std::vector<Nanos> timeouts_;

 private:
  Status answer() {
    if (when_asked_) when_asked_();
    if (always_) return *always_;
    if (answers_.empty()) {
      is_member_ = false;
      return {};
    }
    Status first = std::move(answers_.front());
    answers_.pop_front();
    return first;
  }
};

TEST_F(LeaveLoopTest, AsksTheLeader) {
  leads("two");
  EXPECT_EQ(run(), "left");
  EXPECT_EQ(asked_, Asked{"two"});
  EXPECT_EQ(timeouts_[0], options_.call_timeout);
  EXPECT_EQ(sleeper_.elapsed(), 0s);
}

TEST_F(LeaveLoopTest, WaitsForALeader) {
  sleeper_.at(3s, [this] { leads("two"); });
  EXPECT_EQ(run(), "left");
  EXPECT_EQ(sleeper_.elapsed(), 3s);
}

TEST_F(LeaveLoopTest, ALeaderThatHasHandedOverAsksTheNextOneAtOnce) {
  leads("self");
  hears(Code::kNotLeader, "not leader");
  when_asked_ = [this] { leads("two"); };
  EXPECT_EQ(run(), "left");
  EXPECT_EQ(asked_, (Asked{"self", "two"}));
  EXPECT_LT(sleeper_.elapsed(), options_.interval);
}

TEST_F(LeaveLoopTest, AsksAgainAsLongAsWhatItHearsMayPass) {
  leads("two");
  for (int i = 0; i < 4; i++) {
    hears(Code::kNotLeader, "not leader");
    hears(Code::kNoLeader, "leader not found");
    hears(Code::kUnknown, "read tcp: EOF");
    hears(Code::kUnavailable, "another change is under way");
    hears(Code::kDeadline, "leadership transfer timeout");
  }
  EXPECT_EQ(run(), "left");
  EXPECT_EQ(asked_.size(), 21U);
  EXPECT_EQ(sleeper_.elapsed(), 20 * options_.interval);
}

TEST_F(LeaveLoopTest, WhatIsLostAgainAndAgainToOthersWhoLeaveEndsWithTheTime) {
  leads("two");
  always_ = Status(Code::kNotLeader, "not leader");
  EXPECT_EQ(run(), "not leader");
  EXPECT_EQ(sleeper_.elapsed(), options_.all_timeout);
  EXPECT_LE(timeouts_.back(), options_.interval);
}

TEST_F(LeaveLoopTest, ARefusalForGoodEndsItAtOnce) {
  leads("two");
  hears(Code::kInvalid, "unauthorized");
  EXPECT_EQ(run(), "unauthorized");
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(LeaveLoopTest, WithoutALeaderItGivesUp) {
  EXPECT_EQ(run(), "leader not found");
  EXPECT_EQ(sleeper_.elapsed(), options_.all_timeout);
}

TEST_F(LeaveLoopTest, WhoseAnswerGotLostHasLeft) {
  leads("two");
  hears(Code::kUnknown, "read tcp: EOF");
  when_asked_ = [this] {
    is_member_ = false;
    nobody_leads();
  };
  EXPECT_EQ(run(), "left");
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(LeaveLoopTest, WaitsUntilItSeesThatItHasLeftButNotForEver) {
  leads("two");
  sleeper_.at(2s, [this] { is_member_ = false; });
  when_asked_ = [this] { always_ = Status(); };
  EXPECT_EQ(run(), "left");
  EXPECT_EQ(sleeper_.elapsed(), 2s);
  is_member_ = true;
  EXPECT_EQ(run(), "left");
  EXPECT_EQ(sleeper_.elapsed(), 2s + options_.view_timeout);
}

TEST_F(LeaveLoopTest, WhoSeesOnlyLaterThatItHasLeftDoesNotAskAgain) {
  leads("two");
  hears(Code::kUnknown, "read tcp: EOF");
  when_asked_ = [this] { nobody_leads(); };
  sleeper_.at(2s, [this] { is_member_ = false; });
  EXPECT_EQ(run(), "left");
  EXPECT_EQ(asked_.size(), 1U);
}

}  // namespace
}  // namespace rqlite::cluster
