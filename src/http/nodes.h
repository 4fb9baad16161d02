#pragma once

#include <memory>
#include <string>

#include "cluster/cluster.h"
#include "net/message.h"
#include "store/store.h"

namespace rqlite::http {

// What this node says of itself to those who ask for the members of the cluster.
struct NodeIdentity {
  std::string api_url;  // "http://host:port", as clients reach it
  std::string version;
};

// GET /nodes: the members of the cluster, each with whether it can be reached. `store` is null
// while it is not open, `cluster` on a node that has no port for others.
void nodes(const net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
           cluster::Cluster* cluster, const NodeIdentity& self);

// GET /leader: the same of the leader alone.
void leader(const net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
            cluster::Cluster* cluster, const NodeIdentity& self);

}  // namespace rqlite::http
