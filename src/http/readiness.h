#pragma once

#include <memory>

#include "http/message.h"
#include "store/store.h"

namespace rqlite::http {

// GET /readyz: whether the node can serve, one line for each part that can, and for the first
// that cannot. `store` is null while it is not open.
void readiness(Request& request, std::shared_ptr<Reply> reply, store::Store* store);

}  // namespace rqlite::http
