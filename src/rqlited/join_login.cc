#include "rqlited/join_login.h"

#include <string>
#include <vector>

#include "base/base64.h"
#include "base/file_system.h"
#include "http/bcrypt.h"
#include "http/credentials_file.h"

namespace rqlite::rqlited {

Result<net::HeaderFields> join_login(const Options& options) {
  if (options.join_as.empty() || options.auth.empty()) return net::HeaderFields();
  const Result<Bytes> text = posix_file_system().read_file(options.auth);
  if (!text.ok()) return text.error();
  const Result<std::vector<http::UserEntry>> users = http::parse_credentials_file(*text);
  if (!users.ok()) return users.error();
  net::HeaderFields login;
  for (const http::UserEntry& each : *users) {
    if (each.user != options.join_as || !each.password) continue;
    if (http::begins_like_bcrypt(*each.password)) {
      return Status(Code::kInvalid, "-join-as needs the password of " + each.user +
                                        " in clear, and the credentials file has a hash");
    }
    Bytes value = "Basic ";
    append_base64(value, each.user + ":" + *each.password);
    login = {{"Authorization", value}};
  }
  return login;
}

}  // namespace rqlite::rqlited
