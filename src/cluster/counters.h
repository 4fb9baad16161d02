#pragma once

#include <atomic>
#include <cstdint>

namespace rqlite::cluster {

// How often what happened between nodes, since the start. Thread-safe.
struct Counters {
  using Count = std::atomic<std::uint64_t>;

  // Requests of other nodes.
  Count join_requests{0};
  Count forwarded_requests{0};
  Count batches{0};
  Count meta_requests{0};

  // Changes of members that this node made as the leader.
  Count joins{0};
  Count ignored_joins{0};         // of nodes that are members already
  Count removed_before_joins{0};  // entries that a joining node took the place of
  Count reaped{0};
  Count failed_reaps{0};
};

}  // namespace rqlite::cluster
