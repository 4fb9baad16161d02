#include "sqlite/library.h"

#include <sqlite3.h>

namespace rqlite::sqlite {

std::string library_version() { return sqlite3_libversion(); }

}  // namespace rqlite::sqlite
