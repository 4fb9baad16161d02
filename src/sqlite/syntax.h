#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sqlite/connection.h"

namespace rqlite::sqlite {

// What is wrong with `sql` as a text, or nullopt if SQLite can read all of it. Nothing runs, not
// even a PRAGMA. Whether its tables exist and its columns fit is not asked: only the database at
// the time could tell. "EOF" if there is no statement in it.
std::optional<std::string> syntax_error(Connection& connection, std::string_view sql);

}  // namespace rqlite::sqlite
