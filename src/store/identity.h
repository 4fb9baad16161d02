#pragma once

#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "raft/types.h"
#include "store/database_files.h"

namespace rqlite::store {

// The Raft id of a data directory: random, made with it, never used again. So a node that comes
// back with an empty disk is somebody new, and cannot vote twice.
Result<raft::RaftId> read_or_make_raft_id(FileSystem& files, const DatabaseFiles& paths);

// A random version-4 UUID: what a cluster is called when it is founded.
std::string make_cluster_id();

}  // namespace rqlite::store
