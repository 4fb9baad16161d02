#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace rqlite::discovery {

// Where -disco-mode=dns looks: every address of a name is a node, on one port.
struct DnsConfig {
  std::string name = "rqlite";
  std::uint16_t port = 0;

  static Result<DnsConfig> parse(BytesView json, std::uint16_t default_port);
};

// Where -disco-mode=dns-srv looks: the service's records say hosts and ports.
struct SrvConfig {
  std::string name = "rqlite";
  std::string service = "rqlite";

  static Result<SrvConfig> parse(BytesView json);
  // "_<service>._tcp.<name>".
  [[nodiscard]] std::string dns_name() const;
};

}  // namespace rqlite::discovery
