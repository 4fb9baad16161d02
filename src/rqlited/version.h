#pragma once

#include <string>

namespace rqlite::rqlited {

// Of a build that was not released.
inline constexpr const char* kVersion = "10";
inline constexpr const char* kCommit = "unknown";

// "rqlited <version> <os> <architecture> <runtime> sqlite<version> (commit …, compiler …)".
std::string version_line();
std::string sqlite_version();
std::string compiler();

}  // namespace rqlite::rqlited
