#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace rqlite::discovery {

// How to reach etcd.
struct EtcdConfig {
  struct Endpoint {
    bool tls = false;
    std::string address;  // "host:port"

    friend bool operator==(const Endpoint&, const Endpoint&) = default;
  };

  std::vector<Endpoint> endpoints{{false, "localhost:2379"}};
  Nanos dial_timeout = std::chrono::seconds(5);
  std::string username;  // and password: both or neither
  std::string password;
  std::string token;  // in place of what username and password would give
  // The options that were given, with a value that asks for something, and that have a meaning for
  // gRPC only, which is not spoken here.
  std::vector<std::string> without_effect;

  static Result<EtcdConfig> parse(BytesView json);
};

}  // namespace rqlite::discovery
