#pragma once

#include <optional>

#include "base/bytes.h"
#include "raft/types.h"
#include "store/replicated_state.h"

namespace rqlite::store {

// What travels with the change that adds a member, so that every member knows its name.
struct MembershipChange {
  raft::RaftId raft_id;
  Member member;
};

// Protobuf's encoding: 1 fixed64 raft id, 2 string node id, 3 string Raft address, 4 bool
// that it never votes.
Bytes encode_membership_change(const MembershipChange& change);
// Nullopt if there is none: a removal carries nothing.
std::optional<MembershipChange> decode_membership_change(BytesView bytes);

}  // namespace rqlite::store
