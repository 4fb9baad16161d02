#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "raft/types.h"

namespace rqlite::raft {

// An entry's place in the log; two logs that have it are alike up to it.
struct EntryId {
  Index index;
  Term term;

  friend bool operator==(const EntryId&, const EntryId&) = default;
};

// What a message between cores brings, as far as anybody but the core has to know.
struct MessageContent {
  RaftId from;
  RaftId to;
  Term term;
  bool is_append = false;
  bool is_heartbeat = false;
  EntryId before;  // of an append: the entry of the leader's log that its entries follow
  Index commit;    // of a heartbeat: how far the receiver's log is committed
  std::size_t entries = 0;
  std::size_t entry_bytes = 0;  // no less than their data
  std::optional<Snapshot> snapshot;
  bool hands_over = false;  // the sender leads, and asks the receiver to do so instead
  bool has_room = true;     // unless the sender says that it could not write more
};

// Nullopt if `message` is none. It comes from the network: anything may be in it.
std::optional<MessageContent> peek_message(BytesView message);

// The entries that `message` brings; none if it is no message.
std::vector<EntryId> entries_of(BytesView message);

// `message` of a sender that has no room; cores do not see the difference.
Bytes without_room(BytesView message);

// `message`, which brings a snapshot, with another one in its place: the content that stands beside
// it may be newer than what the sender's core knew. Precondition: peek_message() found one.
Bytes with_snapshot(BytesView message, const Snapshot& snapshot);

// What makes a core without any history begin with `snapshot`, as if `from` had sent it in `term`;
// RaftId() is nobody, who is then no leader.
Bytes snapshot_message(RaftId from, RaftId to, Term term, const Snapshot& snapshot);

}  // namespace rqlite::raft
