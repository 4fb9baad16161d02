#pragma once

#include <cstddef>
#include <optional>

#include "base/bytes.h"
#include "raft/types.h"

namespace rqlite::raft {

// What a message between cores brings, as far as anybody but the core has to know.
struct MessageContent {
  RaftId from;
  RaftId to;
  std::size_t entries = 0;
  std::size_t entry_bytes = 0;  // no less than their data
  std::optional<Snapshot> snapshot;
  bool hands_over = false;  // the sender leads, and asks the receiver to do so instead
  bool has_room = true;     // unless the sender says that it could not write more
};

// Nullopt if `message` is none. It comes from the network: anything may be in it.
std::optional<MessageContent> peek_message(BytesView message);

// `message` of a sender that has no room; cores do not see the difference.
Bytes without_room(BytesView message);

// `message`, which brings a snapshot, with another one in its place: the content that stands beside
// it may be newer than what the sender's core knew. Precondition: peek_message() found one.
Bytes with_snapshot(BytesView message, const Snapshot& snapshot);

// What makes a core without any history begin with `snapshot`, as if `from` had sent it in `term`;
// RaftId() is nobody, who is then no leader.
Bytes snapshot_message(RaftId from, RaftId to, Term term, const Snapshot& snapshot);

}  // namespace rqlite::raft
