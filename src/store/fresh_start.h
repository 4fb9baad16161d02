#pragma once

#include "base/file_system.h"
#include "base/result.h"
#include "store/database_files.h"

namespace rqlite::store {

// A node that was removed from its cluster comes back as somebody new: with another Raft id, and
// without what it had. That is not thrown away but put away, until the cluster has given this node
// what it has.
//
//   state       what holds                                        ends with
//   as it was   neither the mark nor anything that was put away   decide_fresh_start()
//   decided     the mark is there; what was the node's may be     make_fresh_start()
//               put away in part
//   waiting     the mark is gone, and all is put away: the data   forget_put_away(), once it is a
//               directory is like an empty one                    member
//
// A crash leaves one of these, and each start goes on from there. All of these block; no store may
// be open but for decide_fresh_start().

Status decide_fresh_start(FileSystem& files, const DatabaseFiles& paths);

// Puts away what the node has, if that was decided. True: it was.
Result<bool> make_fresh_start(FileSystem& files, const DatabaseFiles& paths);

// Whether there is something that was put away: this node was removed, and waits to be a member.
Result<bool> has_put_away(FileSystem& files, const DatabaseFiles& paths);
Status forget_put_away(FileSystem& files, const DatabaseFiles& paths);

}  // namespace rqlite::store
