#pragma once

#include <string>

namespace rqlite::sqlite {

// The version of the SQLite that runs, such as "3.40.1".
std::string library_version();

}  // namespace rqlite::sqlite
