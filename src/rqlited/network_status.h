#pragma once

#include "http/json_tree.h"

namespace rqlite::rqlited {

// The member `network` of `/status`: this machine's interfaces and their addresses, or why they
// are not known.
http::JsonTree network_status();

}  // namespace rqlite::rqlited
