#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rqlite::net {

// An address as people write it: "host:port", with brackets around an IPv6 address.
struct HostPort {
  std::string host;  // without the brackets
  std::uint16_t port = 0;

  // The error is "address <text>: " and what is wrong with it.
  static Result<HostPort> parse(std::string_view text);
};

}  // namespace rqlite::net
