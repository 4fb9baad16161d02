#include "cluster/founding_sim.h"

#include <gtest/gtest.h>

#include "raft/seeds.h"

namespace rqlite::cluster {
namespace {

// One cluster or none at any time, and one in the end if that can be.
void run(const FoundingSim::Setup& setup, bool comes_about) {
  int founded = 0;
  for (const std::uint64_t seed : raft::seeds(300)) {
    const raft::CurrentSeed current(seed);
    FoundingSim sim(setup, seed);
    for (int i = 0; i < 1500; i++) {
      sim.step();
      ASSERT_LE(sim.living_clusters().size(), 1u) << "seed " << seed << "\n" << sim.describe();
    }
    if (!sim.living_clusters().empty()) founded++;
    const bool is_one = sim.settle();
    ASSERT_LE(sim.living_clusters().size(), 1u) << "seed " << seed << "\n" << sim.describe();
    ASSERT_TRUE(is_one || !comes_about) << "seed " << seed << "\n" << sim.describe();
  }
  // So that what was checked is not that nothing happened.
  EXPECT_TRUE(founded > 0 || !comes_about);
}

TEST(FoundingSimTest, ThreeOfThree) { run({3, {3}}, true); }

TEST(FoundingSimTest, FiveOfFive) { run({5, {5}}, true); }

TEST(FoundingSimTest, TwoOfTwo) { run({2, {2}}, true); }

TEST(FoundingSimTest, ThreeAreExpectedAndFiveStart) { run({5, {3}}, true); }

TEST(FoundingSimTest, TwoAreExpectedAndFiveStart) { run({5, {2}}, true); }

TEST(FoundingSimTest, OneIsExpectedAndFourStart) { run({4, {1}}, true); }

TEST(FoundingSimTest, SomeExpectThreeAndOthersTwo) { run({5, {3, 3, 2}}, false); }

TEST(FoundingSimTest, SomeWaitToJoinWhatOthersFound) { run({5, {3, 3, 3, 0}}, true); }

TEST(FoundingSimTest, EachLookShowsSomeOfThem) { run({5, {3}, true}, true); }

TEST(FoundingSimTest, OneOfThreeIsEmptied) { run({3, {3}, false, true}, true); }

TEST(FoundingSimTest, OneOfFiveIsEmptied) { run({5, {5}, false, true}, true); }

}  // namespace
}  // namespace rqlite::cluster
