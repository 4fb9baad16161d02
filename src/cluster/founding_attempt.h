#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "raft/types.h"
#include "store/replicated_state.h"

namespace rqlite::cluster {

// Orders the tries to decide something. Each is used by one node, once.
struct Ballot {
  std::uint64_t round = 0;  // 0: before all
  raft::RaftId by;

  friend auto operator<=>(const Ballot&, const Ballot&) = default;
};

// A cluster that several nodes are about to found. It is one value: who asks for a vote on it sends
// it whole, and its id says whether two are the same.
struct Attempt {
  struct Party {
    store::Member member;
    bool founds = false;  // whether it is to be a member; or only has to agree

    friend bool operator==(const Party&, const Party&) = default;
  };

  std::string cluster_id;
  // The ballot with which it came up. Whoever has promised that one or a later one, and is not
  // bound to this attempt, never will be.
  Ballot birth;
  // By the random id of the data directory, so that one that was emptied is somebody else.
  std::map<raft::RaftId, Party> parties;

  [[nodiscard]] std::size_t majority() const { return parties.size() / 2 + 1; }
  [[nodiscard]] std::map<raft::RaftId, store::Member> members() const {
    std::map<raft::RaftId, store::Member> members;
    for (const auto& [id, party] : parties) {
      if (party.founds) members.emplace(id, party.member);
    }
    return members;
  }

  friend bool operator==(const Attempt&, const Attempt&) = default;
};

// What may become of an attempt.
enum class Verdict : std::uint8_t { kFound = 1, kDrop = 2 };

}  // namespace rqlite::cluster
