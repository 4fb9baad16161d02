#include "store/membership.h"

#include <algorithm>

#include "raft/members.h"

namespace rqlite::store {

Membership::Membership(const std::map<raft::RaftId, Member>& members, BytesView conf_state) {
  const raft::Members parts = raft::decode_members(conf_state);
  for (const auto& [id, member] : members) {
    if (parts.contains(id)) entries_.emplace(id, Entry{member, parts.is_voter(id)});
  }
}

std::map<std::string, raft::RaftId> Membership::by_node_id() const {
  std::map<std::string, raft::RaftId> ids;
  for (const auto& [id, entry] : entries_) ids.emplace(entry.member.node_id, id);
  return ids;
}

const Membership::Entry* Membership::find(raft::RaftId id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

std::optional<raft::RaftId> Membership::find_node(const std::string& node_id) const {
  for (const auto& [id, entry] : entries_) {
    if (entry.member.node_id == node_id) return id;
  }
  return std::nullopt;
}

std::optional<raft::RaftId> Membership::find_address(const std::string& raft_address) const {
  for (const auto& [id, entry] : entries_) {
    if (entry.member.raft_address == raft_address) return id;
  }
  return std::nullopt;
}

Membership Membership::voting() const {
  Membership part;
  for (const auto& [id, entry] : entries_) {
    if (entry.votes) part.entries_.emplace(id, entry);
  }
  return part;
}

Membership Membership::only(raft::RaftId id) const {
  Membership part;
  if (const Entry* entry = find(id)) part.entries_.emplace(id, *entry);
  return part;
}

std::size_t Membership::voters() const {
  return static_cast<std::size_t>(std::count_if(
      entries_.begin(), entries_.end(), [](const auto& each) { return each.second.votes; }));
}

}  // namespace rqlite::store
