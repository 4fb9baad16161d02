#pragma once

#include <functional>
#include <memory>

#include "cluster/cluster.h"
#include "http/counters.h"
#include "net/message.h"
#include "store/store.h"

namespace rqlite::http {

// What a client hears when the node that should have answered cannot be asked, or does not answer.
using OnFailure = std::function<net::Response(const Status&)>;

// Has the leader answer `request`, if that is another node: passes it on, or sends the client there
// if it asked for that. False: this node is to answer, for it leads, nobody does, or another node
// has passed the request on already. `repeatable`: nothing is harmed if it is done twice. `body`:
// gives what the request itself does not hold.
bool answered_elsewhere(const net::Request& request, const std::shared_ptr<net::Reply>& reply,
                        store::Store* store, cluster::Cluster* cluster, bool repeatable,
                        OnFailure on_failure, std::shared_ptr<net::BodySource> body = nullptr);

// The same for a request that may write, which is sent again, and to others, until it is answered.
// If this node has become the leader meanwhile, `here` is called. Takes the request if it is true.
bool written_elsewhere(net::Request& request, const std::shared_ptr<net::Reply>& reply,
                       store::Store* store, cluster::Cluster* cluster,
                       cluster::WriteForwarder::Here here, OnFailure on_failure);

// Whether this node has a vote; one without is a copy that reads.
bool votes(store::Store& store);

}  // namespace rqlite::http
