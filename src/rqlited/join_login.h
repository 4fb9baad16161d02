#pragma once

#include "base/result.h"
#include "net/header_fields.h"
#include "rqlited/options.h"

namespace rqlite::rqlited {

// What shows other nodes that this one may join and leave: the login of the user that -join-as
// names, as this node's own credentials file has it. Empty: nobody in particular.
Result<net::HeaderFields> join_login(const Options& options);

}  // namespace rqlite::rqlited
