#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "discovery/disco_report.h"

namespace rqlite::discovery {

// Where the other nodes may be.
class AddressLookup {
 public:
  virtual ~AddressLookup() = default;

  // The nodes' Raft addresses, "host:port", sorted and each once; there may be none. Blocks until
  // they are found, unless it is stopped: then the error is kUnavailable.
  virtual Result<std::vector<std::string>> find() = 0;

  // Any thread.
  [[nodiscard]] virtual DiscoReport report() const = 0;
};

}  // namespace rqlite::discovery
