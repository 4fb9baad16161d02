#pragma once

#include <functional>

#include "cluster/cluster.h"
#include "http/cluster_figures.h"
#include "http/metrics_text.h"
#include "net/message.h"
#include "queue/write_queue.h"
#include "store/store.h"

namespace rqlite::http {

// GET /metrics: what a Prometheus server collects. `store` and `queue` are null while the store is
// not open, `cluster` on a node that has no port for others; `process` adds what none of them
// knows.
net::Response metrics(store::Store* store, queue::WriteQueue* queue, cluster::Cluster* cluster,
                      const Matches& matches, const std::function<void(MetricsText&)>& process);

}  // namespace rqlite::http
