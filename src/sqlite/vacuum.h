#pragma once

#include <string>

#include "base/status.h"
#include "sqlite/connection.h"

namespace rqlite::sqlite {

// Writes a vacuumed copy of what `connection`, which only reads, sees now into a new file at
// `path`, in rollback-journal mode. Not synced. kDiskFull: no room for it. What is left at `path`
// after a failure is the caller's to remove. Precondition: is_autocommit().
Status vacuum_into(Connection& connection, const std::string& path);

// Where SQLite puts temporary files, such as the copy that VACUUM makes.
std::string temporary_directory();

}  // namespace rqlite::sqlite
