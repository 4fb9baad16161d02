#include "sqlite/vacuum.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

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

std::string temporary_directory() {
  // As SQLite's own rule has it: the first that is there and can be written to.
  for (const char* each :
       {static_cast<const char*>(std::getenv("SQLITE_TMPDIR")),
        static_cast<const char*>(std::getenv("TMPDIR")), "/var/tmp", "/usr/tmp", "/tmp"}) {
    struct stat info{};
    if (each != nullptr && ::stat(each, &info) == 0 && S_ISDIR(info.st_mode) &&
        ::access(each, W_OK | X_OK) == 0) {
      return each;
    }
  }
  return ".";
}

}  // namespace rqlite::sqlite
