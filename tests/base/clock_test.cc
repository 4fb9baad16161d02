#include "base/clock.h"

#include <gtest/gtest.h>

namespace rqlite {
namespace {

using namespace std::chrono_literals;

TEST(ClockTest, LaterIsLater) {
  const TimePoint start(5s);
  EXPECT_EQ(later(start, 2s), TimePoint(7s));
  EXPECT_EQ(later(start, 0s), start);
  EXPECT_EQ(later(start, -7s), TimePoint(-2s));
}

TEST(ClockTest, NothingIsLaterThanTheEndOfTime) {
  EXPECT_EQ(later(TimePoint(5s), Nanos::max()), TimePoint::max());
  EXPECT_EQ(later(TimePoint(0s), Nanos::max()), TimePoint::max());
  EXPECT_EQ(later(TimePoint::max(), 1ns), TimePoint::max());
  EXPECT_EQ(later(TimePoint(-5s), Nanos::max()), TimePoint(Nanos::max() - 5s));
}

}  // namespace
}  // namespace rqlite
