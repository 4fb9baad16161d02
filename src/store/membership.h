#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "raft/types.h"
#include "store/replicated_state.h"

namespace rqlite::store {

// Who takes part in the cluster.
class Membership {
 public:
  struct Entry {
    Member member;
    bool votes = false;
  };

  Membership() = default;
  // As of an entry, from what stands in the replicated state and in the encoded conf state.
  Membership(const std::map<raft::RaftId, Member>& members, BytesView conf_state);

  [[nodiscard]] const std::map<raft::RaftId, Entry>& entries() const { return entries_; }
  [[nodiscard]] bool contains(raft::RaftId id) const { return entries_.contains(id); }
  // By node id, as people want to see it.
  [[nodiscard]] std::map<std::string, raft::RaftId> by_node_id() const;
  // Null if there is none.
  [[nodiscard]] const Entry* find(raft::RaftId id) const;
  [[nodiscard]] std::optional<raft::RaftId> find_node(const std::string& node_id) const;
  [[nodiscard]] std::optional<raft::RaftId> find_address(const std::string& raft_address) const;
  [[nodiscard]] std::size_t voters() const;
  // Those of it who vote, and one of it alone.
  [[nodiscard]] Membership voting() const;
  [[nodiscard]] Membership only(raft::RaftId id) const;

 private:
  std::map<raft::RaftId, Entry> entries_;
};

}  // namespace rqlite::store
