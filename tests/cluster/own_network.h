#pragma once

#include <functional>
#include <optional>
#include <string>

namespace rqlite::cluster {

// Runs `body` in a process of its own, which has a loopback network of its own and this
// /etc/resolv.conf, and returns what it returned. Nothing: the system does not let us, for it takes
// root.
std::optional<std::string> in_own_network(const std::string& resolv_conf,
                                          const std::function<std::string()>& body);

}  // namespace rqlite::cluster
