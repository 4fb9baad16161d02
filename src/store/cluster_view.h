#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "raft/core.h"
#include "raft/types.h"
#include "store/membership.h"

namespace rqlite::store {

// Who leads, with its place in the membership.
struct Leader {
  raft::RaftId id;
  Member member;
  bool is_self = false;
};

// What this node knows of its cluster: who takes part, as of the last applied entry, and who leads,
// as of the core's last round.
//
// Thread-safe; nothing blocks.
class ClusterView {
 public:
  // `clock` must outlive it.
  explicit ClusterView(const Clock& clock) : clock_(clock) {}

  // Before anything else: who this node is, and whether it is yet to become the member that it is
  // to be.
  void begin(raft::RaftId self, bool joining) EXCLUDES(mutex_);

  // What the core says, first when it starts and then of each change.
  void core_started(const raft::Core::Status& status) EXCLUDES(mutex_);
  void core_changed(const raft::Core::Status& status) EXCLUDES(mutex_);
  // As of an entry or a snapshot at `index`.
  void members_changed(std::string cluster_id, Membership membership, raft::Index index)
      EXCLUDES(mutex_);
  void heard_from(raft::RaftId member) EXCLUDES(mutex_);
  void joined() { joining_ = false; }

  [[nodiscard]] bool is_joining() const { return joining_; }
  // Quick.
  [[nodiscard]] bool is_leader() const { return is_leader_; }
  // Ok, kNotLeader or kNoLeader.
  [[nodiscard]] Status leads() EXCLUDES(mutex_);
  [[nodiscard]] bool has_leader() EXCLUDES(mutex_);
  // None, too, while it is not known who that is.
  [[nodiscard]] std::optional<Leader> leader() EXCLUDES(mutex_);
  // Whether a node that has applied everything up to `applied` has, if it leads, all that was
  // acknowledged before.
  [[nodiscard]] bool is_ready(raft::Index applied) EXCLUDES(mutex_);
  // Whether it leads, or heard from the leader so recently.
  [[nodiscard]] bool in_contact_within(Nanos time) EXCLUDES(mutex_);

  [[nodiscard]] Membership membership() EXCLUDES(mutex_);
  // Empty while this node waits for a cluster.
  [[nodiscard]] std::string cluster_id() EXCLUDES(mutex_);

  struct Report {
    Membership membership;
    raft::Index members_index;  // since when the members are these; of a start, the snapshot's
    std::uint64_t leader_changes = 0;
    std::uint64_t elections = 0;  // in which this node stood
    // When a message of the leader came last; never, on a leader and before the first.
    std::optional<TimePoint> leader_heard_at;
    bool removed = false;  // it has a cluster, and is no member
  };
  [[nodiscard]] Report report() EXCLUDES(mutex_);

  // What has changed since it was last asked for, and people want to know.
  struct News {
    bool of_leader = false;  // another one, or the same in another term, or none
    std::optional<Leader> leader;
    bool was_removed = false;  // for the first time, in this run
  };
  // Who leads is no news before it is known who that is.
  [[nodiscard]] News news() EXCLUDES(mutex_);

 private:
  [[nodiscard]] std::optional<Leader> known_leader() const REQUIRES(mutex_);
  [[nodiscard]] bool is_removed() const REQUIRES(mutex_);

  const Clock& clock_;
  std::atomic<bool> is_leader_{false};
  std::atomic<bool> joining_{false};

  Mutex mutex_;
  raft::RaftId self_ GUARDED_BY(mutex_);
  raft::Core::Status core_ GUARDED_BY(mutex_);
  // While this node leads: what it must have applied to serve what was acknowledged before.
  raft::Index ready_at_ GUARDED_BY(mutex_);
  std::string cluster_id_ GUARDED_BY(mutex_);
  Membership membership_ GUARDED_BY(mutex_);
  raft::Index members_index_ GUARDED_BY(mutex_);
  TimePoint leader_heard_at_ GUARDED_BY(mutex_);
  std::uint64_t leader_changes_ GUARDED_BY(mutex_) = 0;
  std::uint64_t elections_ GUARDED_BY(mutex_) = 0;
  // What was news already.
  raft::RaftId told_leader_ GUARDED_BY(mutex_);
  raft::Term told_term_ GUARDED_BY(mutex_);
  bool told_removal_ GUARDED_BY(mutex_) = false;
};

}  // namespace rqlite::store
