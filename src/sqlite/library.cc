#include "sqlite/library.h"

#include <sqlite3.h>

#include <algorithm>

namespace rqlite::sqlite {

std::string library_version() { return sqlite3_libversion(); }

std::vector<std::string> compile_options() {
  std::vector<std::string> options;
  for (int i = 0; const char* option = sqlite3_compileoption_get(i); i++)
    options.emplace_back(option);
  std::sort(options.begin(), options.end());
  return options;
}

}  // namespace rqlite::sqlite
