#pragma once

#include <string>

#include "base/file_system.h"
#include "base/status.h"
#include "sqlite/extensions.h"

namespace rqlite::sqlite {

// How much of a file check_file() looks at.
enum class CheckDepth {
  // Its first bytes, and whether it is as long as they say. A longer file will do.
  kHeader,
  // Every page and every record of the tables: PRAGMA quick_check. Reads the file once, a gigabyte
  // in two seconds.
  kPages,
  // Also each index against its table: PRAGMA integrity_check. Ten times as long. An index that
  // does not fit its table goes unnoticed until somebody deletes a row, and then fails as damage
  // to the file, on every replica alike: so this is for data that comes from outside.
  kIndexes,
};

// Whether the file at `path` is a sound SQLite database by itself, so that it may take the place
// of another: complete to the byte, and without a page or a schema that SQLite would stumble over,
// as far as SQLite's own check sees (that of 3.40 misses an index entry with bytes too many).
// Both journal modes are fine. Asks for nothing but the file, leaves nothing beside it and does
// not change it; what stands in its schema is not trusted, but may use `extensions`. Blocks for as
// long as it reads; holds about 2 MiB and a bit for each page. No one may write to the file
// meanwhile.
//
// kInvalid: the data is no good, and one line, "invalid SQLite data: ...", tells why. That goes for
// a schema, too, that needs a function or collation which is not there. Any other code: this node
// could not read it.
//
// `base_vfs` must show the files that `files` shows; null is the operating system's.
Status check_file(FileSystem& files, const std::string& path,
                  CheckDepth depth = CheckDepth::kIndexes, const char* base_vfs = nullptr,
                  const Extensions& extensions = {});

}  // namespace rqlite::sqlite
