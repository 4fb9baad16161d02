#include "raft/handover.h"

namespace rqlite::raft {
namespace {

// A member answers each heartbeat, of which one goes out with each tick.
constexpr std::uint64_t kNearTicks = 5;

}  // namespace

bool Handover::could_write(RaftId member) const {
  const auto found = heard_.find(member);
  return found != heard_.end() && found->second.has_room && now_ - found->second.at <= kNearTicks;
}

std::uint64_t Handover::last_asked(RaftId member) const {
  const auto found = asked_at_.find(member);
  return found == asked_at_.end() ? 0 : found->second;
}

bool Handover::asked_lately(RaftId member) const {
  return asked_at_.contains(member) && now_ - last_asked(member) < pause_ticks_;
}

std::optional<RaftId> Handover::next(RaftId self, const Members& members,
                                     const std::function<bool(RaftId)>& has_all) {
  const auto is_gone = [&](const auto& each) { return !members.contains(each.first); };
  std::erase_if(heard_, is_gone);
  std::erase_if(asked_at_, is_gone);
  std::size_t able = 0;
  std::optional<RaftId> chosen;
  for (const RaftId voter : members.voters) {
    if (voter == self || !could_write(voter)) continue;
    able++;
    if (!has_all(voter) || asked_lately(voter)) continue;
    // The one that was asked longest ago, or never.
    if (!chosen || last_asked(voter) < last_asked(*chosen)) chosen = voter;
  }
  if (able < members.voters.size() / 2 + 1) return std::nullopt;
  if (chosen) asked_at_[*chosen] = now_;
  return chosen;
}

}  // namespace rqlite::raft
