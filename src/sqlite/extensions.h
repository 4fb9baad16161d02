#pragma once

#include <string>
#include <vector>

#include "sqlite/error.h"

struct sqlite3;

namespace rqlite::sqlite {

// Shared libraries with functions, collations and virtual tables for SQL: their paths, in the order
// in which a connection loads them.
using Extensions = std::vector<std::string>;

// Loads all of them into `database`; the error says which one does not load, and why. SQL's own
// load_extension() stays refused.
Error load_extensions(sqlite3* database, const Extensions& extensions);

// The name of each without its folder.
std::vector<std::string> names_of(const Extensions& extensions);

}  // namespace rqlite::sqlite
