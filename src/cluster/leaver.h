#pragma once

#include <chrono>
#include <string>

#include "base/clock.h"
#include "base/pause.h"
#include "base/status.h"
#include "cluster/cluster.h"
#include "net/header_fields.h"
#include "store/store.h"

namespace rqlite::cluster {

// Has this node removed from its cluster before it stops, so that it does not count as one that is
// missing. Blocks; one thread.
class Leaver {
 public:
  struct Options {
    net::HeaderFields login = {};  // what shows who asks; empty: nobody in particular
    int attempts = 5;
    std::chrono::nanoseconds interval{std::chrono::milliseconds(250)};  // between attempts
    std::chrono::nanoseconds leader_timeout{std::chrono::seconds(5)};   // until one is known
    std::chrono::nanoseconds call_timeout{std::chrono::seconds(5)};
    std::chrono::nanoseconds all_timeout{std::chrono::seconds(10)};
    // How long this node may take to see itself what the leader has said.
    std::chrono::nanoseconds view_timeout{std::chrono::seconds(5)};
  };

  // All must outlive it.
  Leaver(store::Store& store, Cluster& cluster, const Clock& clock, Sleeper& sleeper,
         Options options)
      : store_(store),
        cluster_(cluster),
        clock_(clock),
        sleeper_(sleeper),
        options_(std::move(options)) {}

  // Ok: the members that stay have agreed that this node is none any more. Not ok: it may be one
  // all the same.
  Status leave();

 private:
  Status leave_once(TimePoint deadline);
  Status leave_as_leader(TimePoint deadline);
  Status ask(const std::string& leader, TimePoint deadline);
  void wait_until_seen();

  store::Store& store_;
  Cluster& cluster_;
  const Clock& clock_;
  Sleeper& sleeper_;  // that nobody wakes
  const Options options_;
};

}  // namespace rqlite::cluster
