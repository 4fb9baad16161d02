#pragma once

#include <string>

#include "discovery/consul_config.h"
#include "discovery/http_caller.h"
#include "discovery/key_value_store.h"

namespace rqlite::discovery {

// Consul's key/value store, by way of its HTTP API. Reads are consistent ones. Thread-safe if the
// caller is.
class ConsulStore final : public KeyValueStore {
 public:
  ConsulStore(ConsulConfig config, HttpCaller& caller);  // which must outlive it

  Result<std::optional<Bytes>> get(const std::string& key) override;
  Result<bool> create_if_absent(const std::string& key, const Bytes& value) override;
  Status put(const std::string& key, const Bytes& value) override;
  [[nodiscard]] std::string place(const std::string& key) const override;

 private:
  // The path of the key, and what every request says of where it is meant.
  [[nodiscard]] std::string target(const std::string& key, const std::string& query) const;
  [[nodiscard]] HttpCall call_for(const std::string& target) const;
  // Whether it was done.
  Result<bool> write(const std::string& target, const Bytes& value);
  // What an answer of another status than expected means.
  [[nodiscard]] Status refusal(const HttpAnswer& answer) const;

  const ConsulConfig config_;
  HttpCaller& caller_;
};

}  // namespace rqlite::discovery
