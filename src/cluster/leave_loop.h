#pragma once

#include <functional>
#include <optional>

#include "base/clock.h"
#include "base/pause.h"
#include "base/status.h"
#include "store/store.h"

namespace rqlite::cluster {

// Asks whoever leads to remove this node, until that is done, or refused for good, or takes too
// long. Others may leave at the same time, the leader among them: so it asks again after all that
// may be otherwise soon. A node that is removed already may be removed again.
//
// Blocks; no thread, clock or socket of its own.
class LeaveLoop {
 public:
  struct Options {
    Nanos interval{std::chrono::milliseconds(250)};  // between attempts
    Nanos leader_timeout{std::chrono::seconds(5)};   // until one is known
    Nanos call_timeout{std::chrono::seconds(5)};
    Nanos all_timeout{std::chrono::seconds(10)};
    // How long this node may take to see itself what the leader has said.
    Nanos view_timeout{std::chrono::seconds(5)};
  };
  struct Means {
    std::function<std::optional<store::Store::Leader>()> leader;
    // Has the leader, which may be this node, remove this one; waits at most so long. A leader
    // cannot remove itself: it hands over at most, and is kNotLeader then.
    std::function<Status(const store::Store::Leader&, Nanos)> remove;
    // As far as this node has seen what is agreed on.
    std::function<bool()> is_member;
    Sleeper& sleeper;  // that nobody wakes
    const Clock& clock;
  };

  // What `means` refers to must outlive it.
  LeaveLoop(Options options, Means means) : options_(options), means_(std::move(means)) {}

  // Ok: the members that stay have agreed that this node is none any more. Not ok: it may be one
  // all the same.
  Status run();

 private:
  [[nodiscard]] std::optional<store::Store::Leader> find_leader(TimePoint deadline);
  void wait_until_seen();

  const Options options_;
  const Means means_;
};

}  // namespace rqlite::cluster
