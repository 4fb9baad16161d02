#pragma once

#include <functional>
#include <optional>
#include <string>

namespace rqlite::discovery {

// Runs `body` on a thread of its own, which has a loopback network of its own and this
// /etc/resolv.conf, as have the threads and programs that it starts, and returns what it returned.
// Nothing: the system does not let us, for it takes root.
std::optional<std::string> in_own_network(const std::string& resolv_conf,
                                          const std::function<std::string()>& body);

}  // namespace rqlite::discovery
