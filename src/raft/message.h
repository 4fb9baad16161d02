#pragma once

#include <cstddef>
#include <optional>

#include "base/bytes.h"
#include "raft/types.h"

namespace rqlite::raft {

// What a message between cores brings, as far as anybody but the core has to know.
struct MessageContent {
  std::size_t entries = 0;
  std::size_t entry_bytes = 0;  // no less than their data
  std::optional<Snapshot> snapshot;
};

// Nullopt if `message` is none. It comes from the network: anything may be in it.
std::optional<MessageContent> peek_message(BytesView message);

}  // namespace rqlite::raft
