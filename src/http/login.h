#pragma once

#include <string>

namespace rqlite::http {

// Who a client says it is, and what it brings to prove it. Not checked yet.
struct Login {
  std::string user;
  std::string password;
};

}  // namespace rqlite::http
