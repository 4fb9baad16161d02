#include "store/maintenance.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;
using Statements = MaintenanceTarget::Statements;

// A store that does what it is told to, and says on which statements it was.
class FakeTarget final : public MaintenanceTarget {
 public:
  Status may_maintain() override {
    MutexLock lock(mutex_);
    asked_++;
    return may_;
  }
  void plan(MaintenanceTask task, std::function<void(Result<Statements>)> then) override {
    Result<Statements> planned = Statements{name_of(task)};
    {
      MutexLock lock(mutex_);
      if (plan_) planned = *plan_;
    }
    then(std::move(planned));
  }
  void run(const Statements& statements, std::function<void(Status)> then) override {
    Status outcome;
    {
      MutexLock lock(mutex_);
      for (const std::string& each : statements) ran_.push_back(each);
      if (holding_) {
        held_ = std::move(then);
        changed_.notify_all();
        return;
      }
      outcome = outcome_;
    }
    then(outcome);
  }

  void set_may(Status may) {
    MutexLock lock(mutex_);
    may_ = std::move(may);
  }
  void set_plan(Result<Statements> plan) {
    MutexLock lock(mutex_);
    plan_ = std::move(plan);
  }
  void set_outcome(Status outcome) {
    MutexLock lock(mutex_);
    outcome_ = std::move(outcome);
  }
  // From now on nothing that runs ends before it is told to.
  void hold() {
    MutexLock lock(mutex_);
    holding_ = true;
  }
  // Blocks until something runs; the way to end it.
  std::function<void(Status)> held() {
    MutexLock lock(mutex_);
    while (!held_) changed_.wait(mutex_);
    return held_;
  }
  std::vector<std::string> ran() {
    MutexLock lock(mutex_);
    return ran_;
  }
  int asked() {
    MutexLock lock(mutex_);
    return asked_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  Status may_;
  std::optional<Result<Statements>> plan_;
  Status outcome_;
  bool holding_ = false;
  std::function<void(Status)> held_;
  std::vector<std::string> ran_;
  int asked_ = 0;
};

// Maintenance on a simulated disk, with its real thread and a clock that stands still.
class MaintenanceTest : public ::testing::Test {
 protected:
  MaintenanceTest() { EXPECT_TRUE(files_.make_directories("/data").ok()); }

  void start(Nanos vacuum, Nanos optimize = Nanos::zero()) {
    maintenance_ = std::make_unique<Maintenance>(Maintenance::Options{vacuum, optimize}, files_,
                                                 kPath, clock_, target_);
  }
  void stop() { maintenance_.reset(); }

  // Blocks until nothing is to be done for so long.
  void await_idle(Nanos wait) { clock_.await_sleeper(clock_.now() + wait); }
  // Lets the time pass that everybody sleeps for, and waits until they sleep again, for `next`.
  void pass(Nanos time, Nanos next) {
    await_idle(time);
    clock_.advance(time);
    await_idle(next);
  }
  Maintenance::TaskReport report(MaintenanceTask task) { return maintenance_->report()[task]; }
  std::string file() { return *files_.exists(kPath) ? *files_.read_file(kPath) : Bytes("nothing"); }
  [[nodiscard]] std::string milliseconds(Nanos before = 0s) const {
    const auto at = clock_.wall_now().time_since_epoch() - before;
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(at).count());
  }

  static constexpr const char* kPath = "/data/maintenance";
  static constexpr auto kVacuum = MaintenanceTask::kVacuum;
  static constexpr auto kOptimize = MaintenanceTask::kOptimize;

  SimFileSystem files_;
  FakeClock clock_;
  FakeTarget target_;
  std::unique_ptr<Maintenance> maintenance_;  // goes first
};

TEST_F(MaintenanceTest, WhatIsNotSwitchedOnIsNeverDone) {
  start(0s, 0s);
  EXPECT_FALSE(report(kVacuum).is_on);
  EXPECT_FALSE(report(kOptimize).is_on);
  EXPECT_EQ(file(), "nothing");
  EXPECT_EQ(files_.operations(), 0u);
}

TEST_F(MaintenanceTest, FirstAWholeIntervalPasses) {
  start(1h);
  await_idle(1h);
  EXPECT_EQ(target_.asked(), 0);
  EXPECT_EQ(file(), "vacuum " + milliseconds() + " -\n");
  EXPECT_EQ(report(kVacuum).next, clock_.wall_now() + 1h);
  EXPECT_EQ(report(kVacuum).last, std::nullopt);
  pass(1h, 1h);
  EXPECT_EQ(target_.ran(), Statements{"vacuum"});
  EXPECT_EQ(file(), "vacuum " + milliseconds() + " " + milliseconds() + "\n");
  EXPECT_EQ(report(kVacuum).runs, 1u);
  EXPECT_EQ(report(kVacuum).last, clock_.wall_now());
  EXPECT_EQ(report(kVacuum).next, clock_.wall_now() + 1h);
}

TEST_F(MaintenanceTest, EachTaskHasItsOwnInterval) {
  start(3h, 2h);
  pass(2h, 1h);
  EXPECT_EQ(target_.ran(), Statements{"optimize"});
  pass(1h, 1h);
  pass(1h, 2h);
  EXPECT_EQ(target_.ran(), (Statements{"optimize", "vacuum", "optimize"}));
  EXPECT_EQ(report(kOptimize).runs, 2u);
  EXPECT_EQ(report(kVacuum).runs, 1u);
}

TEST_F(MaintenanceTest, ARestartGoesOnCounting) {
  start(10h);
  await_idle(10h);
  stop();
  clock_.advance(7h);
  start(10h);
  pass(3h, 10h);
  EXPECT_EQ(target_.ran(), Statements{"vacuum"});
  stop();
  clock_.advance(4h);
  start(10h);
  await_idle(6h);
  EXPECT_EQ(report(kVacuum).last, clock_.wall_now() - 4h);
  EXPECT_EQ(target_.ran(), Statements{"vacuum"});
}

TEST_F(MaintenanceTest, WhatBecameDueWhileTheNodeWasDownIsDoneOnce) {
  start(1h);
  await_idle(1h);
  stop();
  clock_.advance(100h);
  start(1h);
  await_idle(1h);
  EXPECT_EQ(target_.ran(), Statements{"vacuum"});
}

TEST_F(MaintenanceTest, AJumpOfTheTimeOfDayChangesNothingWithinARun) {
  start(1h);
  await_idle(1h);
  clock_.set_wall(clock_.wall_now() + 1000h);
  clock_.advance(59min);
  await_idle(1min);
  EXPECT_EQ(target_.ran(), Statements());
  clock_.set_wall(clock_.wall_now() - 5000h);
  clock_.advance(1min);
  await_idle(1h);
  EXPECT_EQ(target_.ran(), Statements{"vacuum"});
}

TEST_F(MaintenanceTest, ATimeInTheFutureCountsAsNow) {
  ASSERT_TRUE(files_.replace_file(kPath, "vacuum 8000000000000 -\n").ok());
  start(1h);
  await_idle(1h);
  EXPECT_EQ(file(), "vacuum " + milliseconds() + " -\n");
  pass(1h, 1h);
  EXPECT_EQ(target_.ran(), Statements{"vacuum"});
}

TEST_F(MaintenanceTest, WhatIsSwitchedOffIsForgotten) {
  start(1h, 2h);
  await_idle(1h);
  stop();
  clock_.advance(30min);
  start(0s, 2h);
  await_idle(90min);
  EXPECT_EQ(file(), "optimize " + milliseconds(30min) + " -\n");
  stop();
  start(0s, 0s);
  EXPECT_EQ(file(), "nothing");
  stop();
  start(1h);
  await_idle(1h);
}

TEST_F(MaintenanceTest, AFileThatMakesNoSenseIsAsGoodAsNone) {
  ASSERT_TRUE(files_.replace_file(kPath, "rubbish").ok());
  start(1h);
  await_idle(1h);
  EXPECT_EQ(file(), "vacuum " + milliseconds() + " -\n");
}

TEST_F(MaintenanceTest, OneThatDoesNotLeadLeavesItToTheLeader) {
  target_.set_may({Code::kNotLeader, "not leader"});
  start(1h);
  pass(1h, 1h);
  EXPECT_EQ(target_.ran(), Statements());
  EXPECT_EQ(report(kVacuum).failures, 0u);
  target_.set_may({});
  pass(1h, 1h);
  EXPECT_EQ(target_.ran(), Statements{"vacuum"});
}

TEST_F(MaintenanceTest, OneThatIsNotReadyLooksAgainSoon) {
  target_.set_may({Code::kUnavailable, "store not ready"});
  start(1h);
  pass(1h, 1s);
  pass(1s, 1s);
  target_.set_may({});
  pass(1s, 1h);
  EXPECT_EQ(target_.ran(), Statements{"vacuum"});
  EXPECT_EQ(report(kVacuum).failures, 0u);
}

TEST_F(MaintenanceTest, NothingToDoIsDoneToo) {
  target_.set_plan(Statements());
  start(0s, 1h);
  pass(1h, 1h);
  EXPECT_EQ(target_.ran(), Statements());
  EXPECT_EQ(report(kOptimize).runs, 1u);
  EXPECT_EQ(report(kOptimize).last, clock_.wall_now());
}

TEST_F(MaintenanceTest, WhatFailsIsTriedAgainLater) {
  target_.set_outcome({Code::kFailed, "some reason"});
  start(1h);
  pass(1h, 10min);
  EXPECT_EQ(report(kVacuum).failures, 1u);
  EXPECT_EQ(report(kVacuum).last, std::nullopt);
  EXPECT_EQ(file(), "vacuum " + milliseconds() + " -\n");
  target_.set_outcome({});
  target_.set_plan(Status(Code::kDiskFull, "no room"));
  pass(10min, 10min);
  EXPECT_EQ(report(kVacuum).failures, 2u);
  EXPECT_EQ(target_.ran().size(), 1u);
  target_.set_plan(Statements{"again"});
  pass(10min, 1h);
  EXPECT_EQ(target_.ran(), (Statements{"vacuum", "again"}));
  EXPECT_EQ(report(kVacuum).runs, 1u);
}

TEST_F(MaintenanceTest, AFailureIsTriedAgainNoSoonerThanAfterAnInterval) {
  target_.set_outcome({Code::kFailed, "some reason"});
  start(1min);
  pass(1min, 1min);
  EXPECT_EQ(report(kVacuum).failures, 1u);
}

TEST_F(MaintenanceTest, TheTryIsOnTheDiskBeforeItBegins) {
  start(1h);
  await_idle(1h);
  target_.hold();
  clock_.advance(1h);
  (void)target_.held();
  EXPECT_EQ(file(), "vacuum " + milliseconds() + " -\n");
}

TEST_F(MaintenanceTest, WithoutRoomForThatItIsNotTried) {
  start(1h);
  await_idle(1h);
  files_.set_capacity(files_.used_bytes());
  clock_.advance(1h);
  await_idle(10min);
  EXPECT_EQ(target_.ran(), Statements());
  EXPECT_EQ(report(kVacuum).failures, 1u);
}

TEST_F(MaintenanceTest, TheIntervalBeginsWhenTheRunHasEnded) {
  start(1h);
  await_idle(1h);
  target_.hold();
  clock_.advance(1h);
  const auto end = target_.held();
  clock_.advance(5h);
  EXPECT_EQ(report(kVacuum).runs, 0u);
  end({});
  await_idle(1h);
  EXPECT_EQ(target_.ran().size(), 1u);
  EXPECT_EQ(report(kVacuum).last_duration, 5h);
}

TEST_F(MaintenanceTest, AStopWaitsForNothingThatRuns) {
  start(1h);
  await_idle(1h);
  target_.hold();
  clock_.advance(1h);
  const auto end = target_.held();
  maintenance_->stop();
  // The answer may come between the stop and the end.
  end({Code::kUnknown, "the fate is unknown"});
  EXPECT_EQ(report(kVacuum).runs, 0u);
  EXPECT_EQ(report(kVacuum).failures, 0u);
}

}  // namespace
}  // namespace rqlite::store
