#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "cluster/passed_on.h"

namespace rqlite::cluster {

// How often what happened between nodes, since the start. Thread-safe.
struct Counters {
  using Count = std::atomic<std::uint64_t>;
  // One for each PassedOn.
  using ByKind = std::array<Count, kPassedOnKinds>;

  // What other nodes asked of this one, whatever came of it.
  Count join_requests{0};
  Count notifications{0};
  Count meta_requests{0};
  Count meta_answers{0};
  Count unknown_routes{0};  // for which there is nothing here
  ByKind asked{};           // clients' requests that they passed on; batches of queues are writes

  // What this node asked of others.
  ByKind passed_on{};
  ByKind failed{};      // of these: the other node could not be asked, or did not answer
  ByKind retries{};     // of these: sent once more
  Count meta_local{0};  // that were about this node itself
  Count meta_retries{0};

  // Changes of members that this node made as the leader.
  Count joins{0};
  Count ignored_joins{0};         // of nodes that are members already
  Count removed_before_joins{0};  // entries that a joining node took the place of
  Count reaped{0};
  Count failed_reaps{0};
  // Times that a message to a member could not leave while this node led.
  Count failed_heartbeats{0};
};

}  // namespace rqlite::cluster
