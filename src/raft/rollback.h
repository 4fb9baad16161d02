#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "raft/core.h"
#include "raft/message.h"

namespace rqlite::raft {

// What `message`, of which `content` tells, proves of data that was set back to an older state,
// as when somebody puts an old copy of a data directory in its place; ok if it proves nothing.
//
// Two things cannot be as long as every member keeps what it acknowledged:
//  - A heartbeat's commit index is one up to which this member has told that leader, in its term,
//    that their logs match. So the member has that term, and entries up to there. If not, it is
//    this member that was set back.
//  - Whoever leads in a term not before ours has all that is committed here. If an entry of it has
//    another term there, members were set back that made up a majority.
//
// Not everything shows: a leader of a new term knows nothing yet of what others acknowledged.
Status find_rollback(const MessageContent& content, BytesView message, const Core& core);

}  // namespace rqlite::raft
