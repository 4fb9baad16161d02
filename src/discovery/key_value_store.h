#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace rqlite::discovery {

// A store outside, where nodes that know nothing of each other find one value.
//
// Calls block, and end with kUnavailable when their user is stopped. After any error a write may
// have been done. Not thread-safe, unless said otherwise.
class KeyValueStore {
 public:
  virtual ~KeyValueStore() = default;

  // The value as of some moment since the call began; nothing: the key is not there.
  virtual Result<std::optional<Bytes>> get(const std::string& key) = 0;
  // Of all who try at once, one wins: true. False: it is there, and stays as it is.
  virtual Result<bool> create_if_absent(const std::string& key, const Bytes& value) = 0;
  virtual Status put(const std::string& key, const Bytes& value) = 0;

  // For people: "key rqlite/leader of Consul at 127.0.0.1:8500".
  [[nodiscard]] virtual std::string place(const std::string& key) const = 0;
};

}  // namespace rqlite::discovery
