#pragma once

#include <string>
#include <vector>

namespace rqlite::sqlite {

// The version of the SQLite that runs, such as "3.40.1".
std::string library_version();

// The options that it was compiled with, sorted.
std::vector<std::string> compile_options();

}  // namespace rqlite::sqlite
