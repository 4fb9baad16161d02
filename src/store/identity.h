#pragma once

#include <map>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "raft/members.h"
#include "raft/types.h"
#include "store/database_files.h"
#include "store/replicated_state.h"

namespace rqlite::store {

// The Raft id of a data directory: random, made with it, never used again. So a node that comes
// back with an empty disk is somebody new, and cannot vote twice.
Result<raft::RaftId> read_or_make_raft_id(FileSystem& files, const DatabaseFiles& paths);

// A random version-4 UUID: what a cluster is called when it is founded.
std::string make_cluster_id();

// What a cluster is called that comes out of the recovery of members of another one, whose logs end
// with that entry: equal for equal ones, a version-8 UUID.
std::string recovered_cluster_id(const std::string& old_id, raft::Index index, raft::Term term,
                                 const std::map<raft::RaftId, Member>& members,
                                 const raft::Members& parts);

}  // namespace rqlite::store
