#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "net/client.h"

namespace rqlite::cluster {

// Refuses addresses at which clients are served, which people mix up with those between nodes:
// kInvalid names one. Those of nodes are removed from `addresses`; what is left may speak in
// another way than `client`, in clear or by TLS, and is to be asked in that one, too. All are asked
// at once, and each twice at most. One that does not answer within `patience` may be a node that is
// not there yet. Blocks until that is known, or a stop is wanted, which is asked many times a
// second; not on the client's thread.
Status check_join_addresses(net::Client& client, std::vector<std::string>& addresses,
                            std::chrono::nanoseconds patience,
                            const std::function<bool()>& stop_is_wanted);

}  // namespace rqlite::cluster
