#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/pause.h"
#include "cluster/group.h"

namespace rqlite::cluster {

// Asks this node's cluster for what its leader needs to know and to change, and waits for that.
// Blocks; one thread.
class Agreement {
 public:
  // `pause` ends all waits once it is stopped; it is shared with whoever answers when nobody waits
  // any more. `timeout`: of each thing asked. `group` and `clock` must outlive it.
  Agreement(Group& group, const Clock& clock, std::shared_ptr<Pause> pause,
            std::chrono::nanoseconds timeout)
      : group_(group), clock_(clock), pause_(std::move(pause)), timeout_(timeout) {}

  // Ok: this node leads, and knows its members as of the beginning of its term at least. Otherwise
  // kNotLeader or kNoLeader, or why that cannot be told.
  [[nodiscard]] Status leads();
  // Ok: a majority has confirmed that this node leads, and all that was agreed on before is applied
  // here.
  [[nodiscard]] Status confirm();
  // Ok: it is done. While another change is being agreed on, this one waits for its turn.
  [[nodiscard]] Status change(raft::ChangeKind kind, const store::MembershipChange& change);
  // How far the logs of the members go, as this node knows. Nothing: it is to stop.
  [[nodiscard]] store::Consensus::Matches matches(const store::Membership& membership) const;

 private:
  Group& group_;
  const Clock& clock_;
  const std::shared_ptr<Pause> pause_;
  const std::chrono::nanoseconds timeout_;
  raft::Term known_term_;  // of which this node knows its members
};

// What those are told who still wait for this node when it stops.
Status stopping();

}  // namespace rqlite::cluster
