#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cluster/cluster.h"
#include "http/counters.h"
#include "http/request_options.h"
#include "net/message.h"
#include "store/store.h"

namespace rqlite::http {

// POST /leader: the leader is to hand over to another member, or to the one that the body names.
// `store` is null while it is not open. Precondition of both: this node leads, or nobody does.
void step_down(const net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
               cluster::Cluster* cluster, const std::string& served_by, Counters& counters);

// DELETE /remove: the node that the body names is to be a member no longer. `refused` hears why
// nothing came of it, in place of the client: so does a leader that hands over because it is to go
// itself, with kNotLeader.
void remove_node(const net::Request& request, std::shared_ptr<net::Reply> reply,
                 store::Store* store, cluster::Cluster* cluster, const std::string& served_by,
                 OnRefused refused);

// What is wrong with the body of either, before anybody is asked; nothing if nothing is.
std::optional<net::Response> bad_successor(const net::Request& request);
std::optional<net::Response> bad_removal(const net::Request& request);

}  // namespace rqlite::http
