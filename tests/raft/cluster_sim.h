#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "raft/raft_checker.h"
#include "raft/sim_member.h"
#include "raft/sim_network.h"

namespace rqlite::raft {

// A cluster's history: founded, then a storm in which everything that can fails, then a calm in
// which it has to find together again. One thread, simulated time; all of it follows from the
// seed.
class ClusterSim {
 public:
  explicit ClusterSim(std::uint64_t seed);

  // Runs the history. Returns the first breach of a promise, with its time; empty if there is
  // none.
  std::string run();

  // Of all messages that arrived, and when: two runs of a seed must not differ.
  [[nodiscard]] std::uint64_t trace() const { return trace_; }
  [[nodiscard]] const RaftChecker::Figures& checked() const { return checker_.figures(); }
  [[nodiscard]] const SimMember::Figures& figures() const { return figures_; }
  [[nodiscard]] std::uint64_t changes() const { return changes_; }

 private:
  void found();
  void storm();
  void calm();

  // Lets `ms` pass, or what is left of it after a breach.
  void advance(std::uint64_t ms);
  // One thing that fails or is mended, or none.
  void disturb();
  void disturb_network();
  void disturb_members();
  void work();
  // Proposes a change of members to the leader.
  void change_members();
  SimMember& add_member();

  void start_all();
  // The leader's disk is full for a while, and those of the others are not.
  void hand_over_for_room();
  // Whether a leader commits a handful of proposals within a few seconds.
  bool agrees();
  void expect_alike();

  SimMember* find(RaftId id);
  SimMember* leader();
  // Any member that is not gone for good.
  SimMember& any();

  Random random_;
  std::uint64_t now_ms_ = 1000;
  SimNetwork network_{random_};
  RaftChecker checker_;
  SimMember::Figures figures_;
  std::uint64_t trace_ = 0;
  std::uint64_t changes_ = 0;

  // What kind of history this is.
  const bool unordered_;  // messages overtake each other, and come twice
  const bool changing_;   // members come and go

  std::uint64_t last_id_ = 0;
  std::vector<std::unique_ptr<SimMember>> members_;
  std::map<RaftId, std::uint64_t> removals_;  // proposed, by member: the number of the proposal
};

}  // namespace rqlite::raft
