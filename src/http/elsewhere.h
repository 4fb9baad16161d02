#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include "cluster/cluster.h"
#include "http/counters.h"
#include "net/message.h"
#include "store/store.h"

namespace rqlite::http {

// What a client hears when the node that should have answered cannot be asked, or does not answer.
using OnFailure = std::function<net::Response(const Status&)>;

// What a client hears that is sent to the leader, as it asked for.
struct Redirection {
  std::string_view preset_type;  // of the route; empty: none
  Counters& counters;            // of those that find no leader; must outlive the request
};

// Has the leader answer `request`, if that is another node: passes it on, once, or sends the client
// there if it asked for that, or tells it that there is none. False: this node is to answer, for it
// leads, nobody does and the client will not be sent there, or another node has passed the request
// on already. `body`: gives what the request itself does not hold.
bool answered_elsewhere(const net::Request& request, const std::shared_ptr<net::Reply>& reply,
                        store::Store* store, cluster::Cluster* cluster,
                        const Redirection& redirection, OnFailure on_failure,
                        std::shared_ptr<net::BodySource> body = nullptr);

// The same for a request that is sent again, and to others, until it is answered; also if nobody is
// known to lead for the moment, which a client that would be sent to the leader does not wait for.
// If this node has become the leader meanwhile, `here` is called. Takes the request if it is true.
bool written_elsewhere(net::Request& request, const std::shared_ptr<net::Reply>& reply,
                       store::Store* store, cluster::Cluster* cluster,
                       const Redirection& redirection, cluster::Errands::Here here,
                       OnFailure on_failure);
// One that only reads: not tried again when it is `within` old, or as old as its parameter
// `timeout` says.
bool read_elsewhere(net::Request& request, const std::shared_ptr<net::Reply>& reply,
                    store::Store* store, cluster::Cluster* cluster, const Redirection& redirection,
                    std::chrono::nanoseconds within, cluster::Errands::Here here,
                    OnFailure on_failure);

// Has whoever leads do something that may be done twice, and the next leader if that one leads no
// more: `here` if it is this node. It is given up when it is as old as its parameter `timeout`
// says. False: nobody leads, or another node has passed the request on.
bool done_by_leader(net::Request& request, const std::shared_ptr<net::Reply>& reply,
                    store::Store* store, cluster::Cluster* cluster, const Redirection& redirection,
                    cluster::Errands::Here here, OnFailure on_failure);

// Whether this node has a vote; one without is a copy that reads.
bool votes(store::Store& store);

}  // namespace rqlite::http
