#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <vector>

#include "base/clock.h"
#include "raft/types.h"
#include "store/membership.h"

namespace rqlite::cluster {

// For how long a leader has heard nothing of each member, in time in which it could have.
//
// The count begins when this node begins to lead, and for who joins when it joins. A look that
// comes late says that this node itself was stopped, or had no time: that is nobody's silence, and
// if it took more than a tenth of what a member is allowed, that one's count begins anew. (Not
// after any shorter one, or a leader that is late now and then would never have enough of anybody.)
//
// Holds no thread, lock or clock: the caller passes the time in. Not thread-safe.
class Silence {
 public:
  // When a member was heard of last; TimePoint(): never.
  using HeardAt = std::function<TimePoint(raft::RaftId)>;
  // How long a member may be silent; zero: for ever.
  using Allowed = std::function<std::chrono::nanoseconds(const store::Membership::Entry&)>;
  struct Options {
    std::chrono::nanoseconds look_every{std::chrono::milliseconds(100)};  // looks are to be
    // A member that is silent for longer is missed, which is worth a line in the log.
    std::chrono::nanoseconds missed_after{std::chrono::seconds(5)};
  };
  // Who is missed from now on, or not any more.
  struct Change {
    raft::RaftId id;
    bool is_missed = false;
  };

  Silence(raft::RaftId self, Options options, HeardAt heard_at, Allowed allowed);

  // This node leads in `term`, and these are the members.
  std::vector<Change> look(raft::Term term, const store::Membership& members, TimePoint now);
  // As of the last look.
  [[nodiscard]] std::chrono::nanoseconds of(raft::RaftId id) const;
  // Forgets who is no member, so that whoever joins begins anew.
  void keep_only(const store::Membership& members);
  // This node does not lead.
  void forget();

 private:
  struct Member {
    TimePoint since;  // of which its silence counts
    bool is_missed = false;
  };
  // This node could hear nobody for `late`.
  void pass_over(Member& member, std::chrono::nanoseconds late, std::chrono::nanoseconds allowed);

  const raft::RaftId self_;
  const Options options_;
  const HeardAt heard_at_;
  const Allowed allowed_;
  raft::Term term_;
  TimePoint looked_at_{};  // TimePoint(): not yet
  std::map<raft::RaftId, Member> members_;
};

}  // namespace rqlite::cluster
