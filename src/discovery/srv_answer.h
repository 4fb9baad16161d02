#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "discovery/resolver.h"

namespace rqlite::discovery {

// The SRV records in the answer section of a DNS message; other records are left out. kInvalid if
// it is no whole message.
Result<std::vector<SrvRecord>> read_srv_answer(BytesView message);

}  // namespace rqlite::discovery
