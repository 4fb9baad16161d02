#pragma once

#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "net/header_fields.h"

namespace rqlite::discovery {

// A request to a store's server.
struct HttpCall {
  bool tls = false;
  std::string address;  // "host:port"
  std::string method = "GET";
  std::string target = "/";
  net::HeaderFields headers;
  Bytes body;
  Nanos timeout = std::chrono::seconds(10);  // for each step without progress
};

struct HttpAnswer {
  int status = 0;
  Bytes body;
};

// How stores reach their servers. A test's does not.
class HttpCaller {
 public:
  virtual ~HttpCaller() = default;
  // Blocks for the whole answer, whatever its status. An error, which names the address: there is
  // none, and the request may have been executed nevertheless, even twice.
  virtual Result<HttpAnswer> call(const HttpCall& call) = 0;
};

}  // namespace rqlite::discovery
