#pragma once

#include <memory>

#include "cluster/cluster.h"
#include "net/message.h"
#include "store/store.h"

namespace rqlite::http {

// GET /readyz: whether the node can serve, one line for each part that can, and for the first
// that cannot. `store` is null while it is not open, `cluster` on a node without others.
void readiness(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
               cluster::Cluster* cluster);

}  // namespace rqlite::http
