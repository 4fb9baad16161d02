#pragma once

#include <string>

#include "http/counters.h"
#include "net/message.h"
#include "store/store.h"

namespace rqlite::http {

// POST /leader: the leader is to hand over to another member, or to the one that the body names.
// `store` is null while it is not open.
net::Response step_down(const net::Request& request, store::Store* store,
                        const std::string& served_by, Counters& counters);

// DELETE /remove: the node that the body names is to be a member no longer.
net::Response remove_node(const net::Request& request, store::Store* store,
                          const std::string& served_by, Counters& counters);

}  // namespace rqlite::http
