#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace rqlite::http {

// The node that a body names for /remove: an object with the one member `id`, a string or null,
// which is the empty id. kInvalid if it is anything else.
Result<std::string> read_node_to_remove(BytesView body);

// The node that a body names for /leader: an object whose last member `id`, in any case, counts;
// without one, or if it or all is null, any node, which is the empty id. What stands behind the
// object is ignored. The error is the text for the client.
Result<std::string> read_successor(BytesView body);

}  // namespace rqlite::http
