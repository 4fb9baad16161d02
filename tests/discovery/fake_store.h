#pragma once

#include <map>
#include <optional>
#include <string>

#include "discovery/key_value_store.h"

namespace rqlite::discovery {

// A store in memory, which can be out of reach.
class FakeStore final : public KeyValueStore {
 public:
  Result<std::optional<Bytes>> get(const std::string& key) override {
    gets++;
    if (!failure.ok()) return failure;
    const auto found = values.find(key);
    return found == values.end() ? std::optional<Bytes>() : found->second;
  }
  Result<bool> create_if_absent(const std::string& key, const Bytes& value) override {
    if (!failure.ok()) return failure;
    const bool done = values.emplace(key, value).second;
    if (loses_answers) return Status(Code::kUnavailable, "the answer was lost");
    return done;
  }
  Status put(const std::string& key, const Bytes& value) override {
    puts++;
    if (!failure.ok()) return failure;
    values[key] = value;
    return {};
  }
  [[nodiscard]] std::string place(const std::string& key) const override { return "key " + key; }

  std::map<std::string, Bytes> values;
  Status failure;              // of all that is asked
  bool loses_answers = false;  // of creations, which are done nevertheless
  int gets = 0;
  int puts = 0;
};

}  // namespace rqlite::discovery
