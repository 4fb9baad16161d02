#include <fmt/format.h>
#include <gtest/gtest.h>

#include "raft/cluster_sim.h"
#include "raft/seeds.h"

namespace rqlite::raft {
namespace {

// Fails with the seed, which is all that is needed to see it again:
// RQLITE_SIM_FIRST_SEED=<seed> RQLITE_SIM_SEEDS=1 raft_test --gtest_filter='ClusterTest.*'
TEST(ClusterTest, KeepsItsPromisesWhateverFails) {
  RaftChecker::Figures checked;
  SimMember::Figures figures;
  std::uint64_t changes = 0;
  const std::vector<std::uint64_t> all = seeds(30);
  for (const std::uint64_t seed : all) {
    const CurrentSeed current(seed);
    ClusterSim sim(seed);
    const std::string breach = sim.run();
    ASSERT_EQ(breach, "") << "seed " << seed;
    checked += sim.checked();
    figures += sim.figures();
    changes += sim.changes();
  }
  fmt::print(
      "terms led {}, acknowledged {}, refused {}, reads {}, changes of members {}\n"
      "starts {}, torn logs {}, deaths by disk {}, snapshots taken {}, installed {}\n"
      "rounds held back {}, reads from disk {}, no room {}, handovers for that {}, stuck {}\n",
      checked.terms_led, checked.acknowledged, checked.refused, checked.reads, changes,
      figures.starts, figures.torn_logs, figures.deaths_by_disk, figures.snapshots_taken,
      figures.snapshots_installed, figures.held_back, figures.read_back, figures.no_room,
      figures.handovers, figures.stuck);
  // A simulation in which nothing happens proves nothing.
  for (const std::uint64_t each :
       {checked.terms_led, checked.acknowledged, checked.refused, checked.reads, changes,
        figures.starts, figures.torn_logs, figures.deaths_by_disk, figures.snapshots_taken,
        figures.snapshots_installed, figures.held_back, figures.read_back, figures.no_room,
        figures.handovers, figures.stuck}) {
    EXPECT_GE(each, all.size() / 4);
  }
}

TEST(ClusterTest, TheSameSeedGivesTheSameHistory) {
  for (const std::uint64_t seed : {3, 4, 5}) {
    ClusterSim once(seed);
    ClusterSim again(seed);
    EXPECT_EQ(once.run(), "");
    EXPECT_EQ(again.run(), "");
    EXPECT_EQ(once.trace(), again.trace()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace rqlite::raft
