#pragma once

#include <optional>

#include "base/file_system.h"
#include "base/result.h"
#include "rqlited/options.h"
#include "store/database_files.h"
#include "store/store.h"

namespace rqlite::rqlited {

// What the flags alone say of the store. Not ok: they contradict each other.
Result<store::Store::Options> store_options(const Options& options);

// What -raft-election-timeout means: how long who waits for another leader waits.
Options::Duration election_timeout(const Options& options);

// Who is to be a member from now on, if somebody has put a file there that says so.
Result<std::optional<store::Store::Options::Recovery>> read_peers_file(
    FileSystem& files, const store::DatabaseFiles& paths);

}  // namespace rqlite::rqlited
