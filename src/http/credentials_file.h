#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/permissions.h"

namespace rqlite::http {

// One user as the credentials file has it.
struct UserEntry {
  std::string user;  // not empty; "*" is everybody
  // In clear, or a bcrypt hash of it. Nothing matches one that is not there.
  std::optional<std::string> password;
  Permissions permissions;
};

// Reads a credentials file, in its order, a name that comes twice included:
//
//   [{"username": "bob", "password": "secret", "perms": ["query", "status"]}, ...]
//
// Keys count in any case. Unknown keys and permissions are ignored, as is what stands behind the
// list; {} is an empty list. An entry has only what it says itself. The error says what is wrong,
// and never holds a password.
Result<std::vector<UserEntry>> parse_credentials_file(std::string_view text);

}  // namespace rqlite::http
