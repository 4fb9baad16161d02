#include "store/maintenance_schedule.h"

#include <gtest/gtest.h>

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000h};
constexpr WallTime kToday{500'000h};

// How long after the start a task with an interval of a day is due that began to count `since`.
Nanos wait_since(WallTime since) {
  return MaintenanceSchedule(24h, since, kToday, kStart).due() - kStart;
}

TEST(MaintenanceScheduleTest, IsDueOneIntervalAfterTheLastTry) {
  EXPECT_EQ(wait_since(kToday), 24h);
  EXPECT_EQ(wait_since(kToday - 10h), 14h);
  EXPECT_EQ(wait_since(kToday - 24h), 0h);
}

TEST(MaintenanceScheduleTest, WhatIsOverdueIsDueNow) {
  EXPECT_EQ(wait_since(kToday - 25h), 0h);
  EXPECT_EQ(wait_since(WallTime::min()), 0h);
}

TEST(MaintenanceScheduleTest, ATimeInTheFutureCountsAsNow) {
  EXPECT_EQ(wait_since(kToday + 1ns), 24h);
  EXPECT_EQ(wait_since(WallTime::max()), 24h);
}

TEST(MaintenanceScheduleTest, AfterATryItIsAWholeIntervalAgain) {
  MaintenanceSchedule schedule(24h, kToday - 25h, kToday, kStart);
  schedule.restart(kStart + 1h);
  EXPECT_EQ(schedule.due(), kStart + 25h);
}

TEST(MaintenanceScheduleTest, APauseIsNeverLongerThanAnInterval) {
  MaintenanceSchedule schedule(24h, kToday, kToday, kStart);
  schedule.look_again(kStart, 10min);
  EXPECT_EQ(schedule.due(), kStart + 10min);
  schedule.look_again(kStart, 25h);
  EXPECT_EQ(schedule.due(), kStart + 24h);
}

TEST(MaintenanceScheduleTest, AnIntervalWithoutEndIsLongAndOverflowsNothing) {
  MaintenanceSchedule schedule(Nanos::max(), kToday - 1h, kToday, kStart);
  EXPECT_GT(schedule.due(), kStart + 24h * 365 * 40);
  schedule.restart(kStart);
  EXPECT_GT(schedule.due(), kStart + 24h * 365 * 40);
}

}  // namespace
}  // namespace rqlite::store
