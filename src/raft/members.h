#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "raft/types.h"

namespace rqlite::raft {

// Who takes part, as the core encodes it.
struct Members {
  std::vector<RaftId> voters;
  std::vector<RaftId> learners;  // receive the log, neither vote nor count

  [[nodiscard]] bool is_voter(RaftId id) const;
  [[nodiscard]] bool contains(RaftId id) const;
};

// Both ways of the encoding that the core understands. Decoding what the core did not encode is a
// CHECK; what comes from outside is to be read before, which is nullopt if it is none.
Members decode_members(BytesView conf_state);
std::optional<Members> read_members(BytesView conf_state);
Bytes encode_members(const Members& members);

}  // namespace rqlite::raft
