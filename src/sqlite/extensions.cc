#include "sqlite/extensions.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace rqlite::sqlite {

Error load_extensions(sqlite3* database, const Extensions& extensions) {
  if (extensions.empty()) return {};
  Error error;
  sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
  for (const std::string& path : extensions) {
    char* why = nullptr;
    const int code = sqlite3_load_extension(database, path.c_str(), nullptr, &why);
    if (code != SQLITE_OK) {
      error = {Fault::kStorage, fmt::format("extension {} does not load: {}", path,
                                            why != nullptr ? why : sqlite3_errstr(code))};
    }
    sqlite3_free(why);
    if (!error.ok()) break;
  }
  // Also what an extension may have switched on for SQL.
  sqlite3_enable_load_extension(database, 0);
  return error;
}

std::vector<std::string> names_of(const Extensions& extensions) {
  std::vector<std::string> names;
  names.reserve(extensions.size());
  for (const std::string& path : extensions) names.push_back(path.substr(path.rfind('/') + 1));
  return names;
}

}  // namespace rqlite::sqlite
