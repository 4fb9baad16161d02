#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "store/membership.h"

namespace rqlite::cluster {

// Notices that no leader has been known for long.
//
// Holds no clock: the caller passes the time in. Not thread-safe.
class LeaderWatch {
 public:
  explicit LeaderWatch(std::chrono::nanoseconds patience) : patience_(patience) {}

  // Whether that is to be told now: once, until there is a leader again.
  bool look(bool has_leader, TimePoint now);

 private:
  const std::chrono::nanoseconds patience_;
  std::optional<TimePoint> since_;
  bool was_told_ = false;
};

// What a node that has known of no leader for so long knows about the reason: it is `self`, at
// `address`, and those are the other members that it has a connection to.
std::string why_no_leader(std::chrono::nanoseconds time, raft::RaftId self,
                          const std::string& address, const store::Membership& membership,
                          const std::set<raft::RaftId>& reached);

}  // namespace rqlite::cluster
