#pragma once

#include <memory>

#include "net/message.h"
#include "store/store.h"

namespace rqlite::http {

// GET /readyz: whether the node can serve, one line for each part that can, and for the first
// that cannot. `store` is null while it is not open.
void readiness(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store);

}  // namespace rqlite::http
