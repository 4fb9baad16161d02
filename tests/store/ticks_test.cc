#include "store/ticks.h"

#include <gtest/gtest.h>

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

TEST(TicksTest, TenHeartbeatsGoOutInATimeout) {
  const Ticks ticks = in_ticks(1s, 2s, 500ms, 50ms);
  EXPECT_EQ(ticks.tick, 100ms);
  EXPECT_EQ(ticks.election, 10u);
  EXPECT_EQ(ticks.campaign, 20u);
  EXPECT_EQ(ticks.lease, 5u);
}

TEST(TicksTest, NoTwoAreFurtherApartThanFollowersMayWaitForACommitIndex) {
  const Ticks ticks = in_ticks(1s, 1s, 500ms, 5ms);
  EXPECT_EQ(ticks.tick, 10ms);
  EXPECT_EQ(ticks.election, 100u);
  EXPECT_EQ(ticks.campaign, 100u);
  EXPECT_EQ(ticks.lease, 50u);
}

TEST(TicksTest, FollowersThatMayWaitForLongChangeNothing) {
  EXPECT_EQ(in_ticks(1s, 1s, 500ms, 10s).tick, 100ms);
}

TEST(TicksTest, TimesAreNeverCutShort) {
  const Ticks ticks = in_ticks(1s, 1001ms, 1ms, 7ms);
  EXPECT_EQ(ticks.tick, 14ms);
  EXPECT_EQ(ticks.election, 72u);
  EXPECT_EQ(ticks.campaign, 72u);
  EXPECT_EQ(ticks.lease, 1u);
}

}  // namespace
}  // namespace rqlite::store
