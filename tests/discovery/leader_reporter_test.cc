#include "discovery/leader_reporter.h"

#include <gtest/gtest.h>

#include <string>

#include "discovery/fake_store.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_sleeper.h"

namespace rqlite::discovery {
namespace {

using namespace std::chrono_literals;

const char kKey[] = "rqlite/leader";
const LeaderEntry kOwn{"1", "http://one:4001", "one:4002", ""};
const LeaderEntry kOther{"2", "http://two:4001", "two:4002", ""};

class LeaderReporterTest : public testing::Test {
 protected:
  void run_for(Nanos time) {
    sleeper_.stop_at(time);
    LeaderReporter reporter(kKey, kOwn,
                            {store_, sleeper_, figures_, clock_, [this] { return leads_; }});
    reporter.run();
  }
  [[nodiscard]] std::string key() const {
    const auto found = store_.values.find(kKey);
    return found == store_.values.end() ? "" : found->second;
  }
  // Whether the key is this node's at a time.
  void expect_own_at(Nanos time, bool own) {
    sleeper_.at(time, [this, own] { EXPECT_EQ(key() == kOwn.to_json(), own) << own; });
  }

  FakeClock clock_;
  FakeSleeper sleeper_{clock_};
  FakeStore store_;
  DiscoFigures figures_{{}, clock_};
  bool leads_ = true;
};

TEST_F(LeaderReporterTest, WhoDoesNotLeadDoesNothing) {
  leads_ = false;
  run_for(1min);
  EXPECT_EQ(store_.gets + store_.puts, 0);
}

TEST_F(LeaderReporterTest, ALeaderWritesTheKeyAtOnceAndEveryTenSeconds) {
  run_for(35s);
  EXPECT_EQ(key(), kOwn.to_json());
  EXPECT_EQ(store_.puts, 4);
}

TEST_F(LeaderReporterTest, WhatAnotherWroteIsReplacedWhenTheTimeHasCome) {
  sleeper_.at(500ms, [this] { store_.values[kKey] = kOther.to_json(); });
  expect_own_at(9500ms, false);
  expect_own_at(10500ms, true);
  run_for(15s);
}

TEST_F(LeaderReporterTest, AKeyThatIsGoneIsWrittenAgainSoon) {
  sleeper_.at(2500ms, [this] { store_.values.clear(); });
  expect_own_at(3500ms, true);
  run_for(5s);
}

TEST_F(LeaderReporterTest, AClaimUnderALiveClusterIsReplacedSoon) {
  LeaderEntry claim = kOther;
  claim.founder = "f2";
  sleeper_.at(2500ms, [this, claim] { store_.values[kKey] = claim.to_json(); });
  expect_own_at(3500ms, true);
  run_for(5s);
}

TEST_F(LeaderReporterTest, NewLeadershipIsSaidAtOnce) {
  sleeper_.at(2500ms, [this] { leads_ = false; });
  sleeper_.at(3500ms, [this] { store_.values[kKey] = kOther.to_json(); });
  sleeper_.at(4500ms, [this] { leads_ = true; });
  expect_own_at(4400ms, false);
  expect_own_at(5500ms, true);
  run_for(6s);
}

TEST_F(LeaderReporterTest, WhoLeadsNoMoreLeavesTheKeyAsItIs) {
  sleeper_.at(500ms, [this] {
    leads_ = false;
    store_.values[kKey] = kOther.to_json();
  });
  run_for(1min);
  EXPECT_EQ(key(), kOther.to_json());
}

TEST_F(LeaderReporterTest, AStoreThatCannotBeReachedIsAskedAgain) {
  store_.failure = {Code::kUnavailable, "connection refused"};
  sleeper_.at(2500ms, [this] {
    EXPECT_EQ(figures_.report().last_error, "connection refused");
    store_.failure = {};
  });
  expect_own_at(3500ms, true);
  run_for(5s);
  EXPECT_EQ(figures_.report().last_error, "");
  EXPECT_TRUE(figures_.report().last_contact.has_value());
}

TEST_F(LeaderReporterTest, AFailureMeanwhileDoesNotEndIt) {
  sleeper_.at(9500ms, [this] { store_.failure = {Code::kUnavailable, "connection refused"}; });
  sleeper_.at(20500ms, [this] {
    store_.failure = {};
    store_.values.clear();
  });
  expect_own_at(21500ms, true);
  run_for(25s);
}

}  // namespace
}  // namespace rqlite::discovery
