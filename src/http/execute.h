#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "cluster/cluster.h"
#include "http/counters.h"
#include "http/write_reply.h"
#include "net/message.h"
#include "queue/write_queue.h"
#include "store/store.h"

namespace rqlite::http {

// POST /db/execute: the statements go into the log as one entry, and their results come back.
// `store` is null while it is not open; `served_by` and `counters` must outlive the request.
void execute(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
             const std::string& served_by, Counters& counters, std::optional<Passage> passage);

// What a queued write needs of the node, all of which outlives it.
struct QueueMeans {
  store::Store* store;  // null: not open
  queue::WriteQueue* queue;
  cluster::Cluster* cluster;  // null: the node is alone
  const Clock& clock;
  Counters& counters;
};

// POST /db/execute?queue: the statements wait for others to share an entry with. `atomic` makes
// every request a transaction.
void execute_queued(net::Request& request, std::shared_ptr<net::Reply> reply, QueueMeans means,
                    bool atomic);

}  // namespace rqlite::http
