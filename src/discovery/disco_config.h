#pragma once

#include <string>

#include "base/bytes.h"
#include "base/file_system.h"
#include "base/result.h"
#include "discovery/environment.h"

namespace rqlite::discovery {

// The JSON text behind the value of -disco-config: the content of the file of that name, if there
// is one that can be read, else the value itself; with variables of the environment put in. Empty
// stays empty: all defaults.
Result<Bytes> read_disco_config(const std::string& path_or_json, FileSystem& files,
                                const Environment& environment);

// What a message that this value cannot be used should add: that there is no file of that name, if
// the value looks like one's. Empty: it is JSON, or the file is there.
std::string no_such_file(const std::string& path_or_json, FileSystem& files,
                         const Environment& environment);

}  // namespace rqlite::discovery
