#pragma once

#include <string>

#include "base/file_system.h"
#include "base/status.h"

namespace rqlite::sqlite {

// Whether the file at `path` is a shared library that is there to its end. The system's loader
// finds out most of what can be wrong with one, but on a file that was cut short the process dies.
Status check_shared_library(FileSystem& files, const std::string& path);

}  // namespace rqlite::sqlite
