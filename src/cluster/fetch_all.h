#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

#include "net/client.h"

namespace rqlite::cluster {

// Makes all `calls` at once, and blocks until each has its result, which stand in their order. What
// has none after `patience`, or when `stop_is_wanted`, which is asked many times a second, is given
// up. Not on the client's thread.
std::vector<net::CallResult> fetch_all(net::Client& client, std::vector<net::Call> calls,
                                       std::size_t bytes_max, std::chrono::nanoseconds patience,
                                       const std::function<bool()>& stop_is_wanted);

}  // namespace rqlite::cluster
