#pragma once

#include <cstddef>
#include <string>

#include "discovery/etcd_config.h"
#include "discovery/http_caller.h"
#include "discovery/key_value_store.h"

namespace rqlite::discovery {

// etcd, version 3.4 or later, by way of the HTTP/JSON gateway that each of its servers has.
//
// Servers are tried in order, from the one that answered last. Keys stand behind a slash. One
// thread at a time.
class EtcdStore final : public KeyValueStore {
 public:
  EtcdStore(EtcdConfig config, HttpCaller& caller);  // which must outlive it

  Result<std::optional<Bytes>> get(const std::string& key) override;
  Result<bool> create_if_absent(const std::string& key, const Bytes& value) override;
  Status put(const std::string& key, const Bytes& value) override;
  [[nodiscard]] std::string place(const std::string& key) const override;

 private:
  // The body of the answer to a request that went well.
  Result<Bytes> post(const std::string& path, const Bytes& body);
  // At one server. `is_final`: no other would say anything else.
  Result<Bytes> post_to(const EtcdConfig::Endpoint& endpoint, const std::string& path,
                        const Bytes& body, bool& is_final);
  Result<HttpAnswer> send(const EtcdConfig::Endpoint& endpoint, const std::string& path,
                          const Bytes& body);
  // Gets a token for the user, if there is one.
  Status log_in(const EtcdConfig::Endpoint& endpoint, bool& is_final);

  const EtcdConfig config_;
  HttpCaller& caller_;
  std::size_t current_ = 0;  // of the endpoints
  std::string token_;        // empty: there is none, or not yet
};

}  // namespace rqlite::discovery
