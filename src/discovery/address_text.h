#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace rqlite::discovery {

// "1.2.3.4:4002", "[fd00::1]:4002".
std::string join_host_port(const std::string& ip, std::uint16_t port);
// Sorts them and leaves out those that come twice.
void tidy(std::vector<std::string>& addresses);

}  // namespace rqlite::discovery
