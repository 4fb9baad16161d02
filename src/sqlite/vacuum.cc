#include "sqlite/vacuum.h"

namespace rqlite::sqlite {
namespace {

std::string quoted_text(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

}  // namespace

Status vacuum_into(Connection& connection, const std::string& path) {
  // The copy is written through the same connection, which must be allowed to write for that. Its
  // own file it still cannot write to.
  Error error = connection.execute("PRAGMA query_only=OFF");
  if (!error.ok()) return status_of(error, "vacuum");
  error = connection.execute("VACUUM INTO " + quoted_text(path));
  const Error back = connection.execute("PRAGMA query_only=ON");
  if (!error.ok()) return status_of(error, "vacuum");
  return status_of(back, "vacuum");
}

}  // namespace rqlite::sqlite
