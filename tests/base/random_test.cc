#include "base/random.h"

#include <gtest/gtest.h>

#include <set>

namespace rqlite {
namespace {

TEST(RandomTest, EqualSeedsGiveEqualSequences) {
  Random a(7);
  Random b(7);
  for (int i = 0; i < 100; i++) EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(Random(7).next(), Random(8).next());
}

TEST(RandomTest, GivesTheNumbersThatLogsOfOlderVersionsWereAppliedWith) {
  // Replicas of different versions must agree, so these may never change.
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317u);
  EXPECT_EQ(random.next(), 3203168211198807973u);
}

TEST(RandomTest, StaysBelowItsBoundAndReachesAllOfIt) {
  Random random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; i++) seen.insert(random.below(7));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(RandomTest, ChanceIsNeverAtZeroAndAlwaysAtOne) {
  Random random(1);
  int hits = 0;
  for (int i = 0; i < 1000; i++) {
    EXPECT_FALSE(random.chance(0));
    EXPECT_TRUE(random.chance(1));
    if (random.chance(0.5)) hits++;
  }
  EXPECT_GT(hits, 400);
  EXPECT_LT(hits, 600);
}

TEST(RandomTest, TheSystemNeverGivesTheSameTwice) {
  EXPECT_NE(random_from_system(), random_from_system());
}

}  // namespace
}  // namespace rqlite
