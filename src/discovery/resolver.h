#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace rqlite::discovery {

// Where a service is offered.
struct SrvRecord {
  std::string target;  // a whole name, without a dot at its end; empty: nowhere
  std::uint16_t port = 0;

  friend bool operator==(const SrvRecord&, const SrvRecord&) = default;
};

// Asks the name service. A name that is not there, or has nothing of the kind that is asked for, is
// an error; kUnavailable also if it was stopped meanwhile.
class Resolver {
 public:
  virtual ~Resolver() = default;
  // IP addresses, as text without brackets, in any order. A dot at the end of `name` means that it
  // is whole as it is.
  virtual Result<std::vector<std::string>> addresses_of(const std::string& name) = 0;
  virtual Result<std::vector<SrvRecord>> services_of(const std::string& name) = 0;
};

}  // namespace rqlite::discovery
