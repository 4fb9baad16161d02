#pragma once

#include <optional>
#include <vector>

#include "cluster/cluster.h"
#include "http/counter_maps.h"
#include "http/json_tree.h"
#include "http/metrics_text.h"
#include "store/store.h"

namespace rqlite::http {

// What /status, /debug/vars and /metrics say of this node among others.

// The members `mux` and `http.cluster` of /status, and those of `store` that are about members.
void add_cluster_status(JsonTree& tree, cluster::Cluster& cluster);

// The maps `cluster`, `proxy` and `mux` of /debug/vars, and what of its map `store` the cluster
// counts.
void add_cluster_counts(CounterMaps& maps, cluster::Cluster& cluster);

// How far the logs of members match this node's; only a leader knows.
using Matches = std::optional<store::Consensus::Matches>;
// Of those who are members as far as this node knows: others have no name yet, or none any more.
void add_peer_metrics(MetricsText& text,
                      const std::vector<cluster::RaftTransport::PeerReport>& peers,
                      const store::Membership& members, raft::Index last, const Matches& matches);
void add_cluster_metrics(MetricsText& text, cluster::Cluster& cluster, store::Store* store,
                         const Matches& matches);

}  // namespace rqlite::http
