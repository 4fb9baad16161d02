#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "raft/log_model.h"
#include "raft/types.h"

namespace rqlite::raft {

// A message as another member's core would send it, for tests that play the others.
struct PeerMessage {
  enum class Type {
    kAppend = 3,
    kAppendResponse = 4,
    kVote = 5,
    kVoteResponse = 6,
    kSnapshot = 7,
    kHeartbeat = 8,
    kHeartbeatResponse = 9,
    kTimeoutNow = 14,
    kPreVote = 17,
    kPreVoteResponse = 18,
  };
  Type type{};
  RaftId to;
  RaftId from;
  Term term;
  Term log_term;  // of the entry before `entries`
  Index index;    // of that entry; of a response, how far the log matches
  std::vector<LogEntry> entries;
  Index commit;
  bool reject = false;
  Index reject_hint;
  Bytes context;
  std::optional<Snapshot> snapshot;
};

Bytes encode_message(const PeerMessage& message);
// Precondition: a core encoded it.
PeerMessage decode_message(BytesView message);

}  // namespace rqlite::raft
