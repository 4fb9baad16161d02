#pragma once

#include <chrono>
#include <cstdint>

namespace rqlite::store {

// The core counts time in ticks; a heartbeat goes out with each.
struct Ticks {
  std::chrono::nanoseconds tick;
  std::uint64_t election;  // these three as in raft::Core::Options
  std::uint64_t campaign;
  std::uint64_t lease;
};

// Ten heartbeats within `heartbeat`, or more, so that no two are further apart than twice `commit`:
// heartbeats say what is committed, whatever else got lost. All are more than zero.
Ticks in_ticks(std::chrono::nanoseconds heartbeat, std::chrono::nanoseconds election,
               std::chrono::nanoseconds lease, std::chrono::nanoseconds commit);

}  // namespace rqlite::store
