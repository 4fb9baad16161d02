#include "rqlited/version.h"

#include <fmt/format.h>

#include "rqlited/process_status.h"
#include "sqlite/library.h"

namespace rqlite::rqlited {

std::string sqlite_version() { return sqlite::library_version(); }

std::string compiler() {
#if defined(__clang__)
  return fmt::format("clang-{}.{}", __clang_major__, __clang_minor__);
#else
  return fmt::format("gcc-{}.{}", __GNUC__, __GNUC_MINOR__);
#endif
}

std::string version_line() {
  return fmt::format("rqlited {} linux {} c++20 sqlite{} (commit {}, compiler {})", kVersion,
                     architecture(), sqlite_version(), kCommit, compiler());
}

}  // namespace rqlite::rqlited
