#pragma once

#include <string>

#include "base/clock.h"
#include "base/pause.h"
#include "base/status.h"
#include "cluster/cluster.h"
#include "cluster/leave_loop.h"
#include "net/header_fields.h"
#include "store/store.h"

namespace rqlite::cluster {

// Has this node removed from its cluster before it stops, so that it does not count as one that is
// missing: what LeaveLoop says, in this process. Blocks; one thread.
class Leaver {
 public:
  struct Options {
    net::HeaderFields login = {};  // what shows who asks; empty: nobody in particular
    LeaveLoop::Options loop;
  };

  // All must outlive it; nobody wakes `sleeper`.
  Leaver(store::Store& store, Cluster& cluster, const Clock& clock, Sleeper& sleeper,
         Options options)
      : store_(store),
        cluster_(cluster),
        clock_(clock),
        sleeper_(sleeper),
        options_(std::move(options)) {}

  // As LeaveLoop::run().
  Status leave();

 private:
  Status ask_self(Nanos timeout);
  Status ask(const std::string& leader, Nanos timeout);

  store::Store& store_;
  Cluster& cluster_;
  const Clock& clock_;
  Sleeper& sleeper_;
  const Options options_;
};

}  // namespace rqlite::cluster
