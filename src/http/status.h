#pragma once

#include <functional>
#include <optional>

#include "base/clock.h"
#include "cluster/cluster.h"
#include "http/json_tree.h"
#include "net/message.h"
#include "queue/write_queue.h"
#include "store/store.h"

namespace rqlite::http {

// GET /status: what the node says of itself, as one JSON object with sorted keys. `store` and
// `queue` are null while they are not open, `cluster` on a node that has no port for others;
// `last_backup` is the end of the last
// /db/backup that succeeded; `process` adds the sections that are not theirs.
net::Response status(const net::Request& request, store::Store* store, queue::WriteQueue* queue,
                     cluster::Cluster* cluster, std::optional<WallTime> last_backup,
                     const std::function<void(JsonTree&)>& process);

}  // namespace rqlite::http
