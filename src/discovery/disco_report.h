#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "discovery/disco_mode.h"

namespace rqlite::discovery {

// What /status says about discovery.
struct DiscoReport {
  DiscoMode mode = DiscoMode::kDns;
  std::string name;                      // of dns and dns-srv
  std::uint16_t port = 0;                // of dns
  std::string service;                   // of dns-srv
  std::string dns_name;                  // of dns-srv
  Nanos register_interval{0};            // of the stores: how often the key is looked at, at least
  Nanos report_interval{0};              // of the stores: how often a leader writes it
  std::string last_error;                // empty: the last attempt went well
  std::optional<WallTime> last_contact;  // when one last did
  std::vector<std::string> last_addresses;  // of dns and dns-srv: what it found
};

}  // namespace rqlite::discovery
