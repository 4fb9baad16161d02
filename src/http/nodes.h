#pragma once

#include <string>

#include "net/message.h"
#include "store/store.h"

namespace rqlite::http {

// What this node says of itself to those who ask for the members of the cluster.
struct NodeIdentity {
  std::string api_url;  // "http://host:port", as clients reach it
  std::string version;
};

// GET /nodes: the members of the cluster, each with whether it can be reached. `store` is null
// while it is not open.
net::Response nodes(const net::Request& request, store::Store* store, const NodeIdentity& self);

// GET /leader: the same of the leader alone.
net::Response leader(const net::Request& request, store::Store* store, const NodeIdentity& self);

}  // namespace rqlite::http
