#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/pause.h"
#include "base/status.h"
#include "cluster/cluster.h"
#include "cluster/joiner.h"
#include "net/header_fields.h"
#include "rqlited/discovery.h"
#include "rqlited/options.h"
#include "store/store.h"

namespace rqlite::rqlited {

// How a node that has opened its store gets into a cluster, as the command line says:
//
//   -join  -bootstrap-expect  -disco-mode  has a cluster  what it does
//   no     any                no           no             it is one already, or refuses to be
//   no     any                no           yes            nothing
//   yes    0                  no           any            joins, and gives up after some rounds,
//                                                         but for a member that knows a leader
//   yes    more               no           any            joins or founds, until it takes too long
//   no     any                dns, dns-srv any            the same, with addresses it looks up
//   no     0                  a store's    no             joins whom the key names, or claims it
//   no     0                  a store's    yes            nothing
//
// Where a store has a key, that is kept up to date from then on.
//
// Blocks; one thread. While it does, another one watches for a stop, which ends all waits at once.
class Clustering {
 public:
  struct Parts {
    const Options& options;
    cluster::Cluster& cluster;
    store::Store& store;
    Discovery* discovery;  // null: none
    const Clock& clock;
    std::function<bool()> stop_is_wanted;
  };

  // What `parts` refers to must outlive it.
  explicit Clustering(Parts parts) : parts_(std::move(parts)), pause_(parts_.clock) {}

  // Ok: this node is in a cluster. Otherwise the text for the user.
  Status run();
  // Whether it failed because this node was removed from its cluster.
  [[nodiscard]] bool was_removed() const { return was_removed_; }

  // For a registration with a store: one whole try to join, and a cluster of this node alone.
  Status join_through(const std::string& address);
  Status found_alone();

 private:
  Status run_now();
  // Whether this node is a member, as it is, of a cluster that has a leader.
  [[nodiscard]] bool takes_part();
  Status check_join_addresses();
  Status join();
  Status boot(std::function<Result<std::vector<std::string>>()> find_addresses);
  Status register_with_store();
  cluster::Joiner joiner(cluster::Joiner::Options joining);
  // Takes note that this node is a member, or was removed.
  void note(cluster::Joiner::Result::Outcome outcome);

  const Parts parts_;
  Pause pause_;
  net::HeaderFields login_;
  bool was_removed_ = false;
};

}  // namespace rqlite::rqlited
