#include "cluster/leader_watch.h"

#include <cstddef>

#include "base/duration.h"

namespace rqlite::cluster {

bool LeaderWatch::look(bool has_leader, TimePoint now) {
  if (has_leader) {
    since_.reset();
    was_told_ = false;
    return false;
  }
  if (!since_) since_ = now;
  if (was_told_ || now - *since_ < patience_) return false;
  was_told_ = true;
  return true;
}

std::string why_no_leader(std::chrono::nanoseconds time, raft::RaftId self,
                          const std::string& address, const store::Membership& membership,
                          const std::set<raft::RaftId>& reached) {
  std::size_t others = 0;
  std::size_t there = 0;
  for (const auto& [id, entry] : membership.entries()) {
    if (!entry.votes || id == self) continue;
    others++;
    if (reached.contains(id)) there++;
  }
  std::string text = "no leader is known for " + format_duration(time) + ": " +
                     std::to_string(there) + " of " + std::to_string(others) +
                     " other voters can be reached";
  const store::Membership::Entry* own = membership.find(self);
  if (own != nullptr && own->member.raft_address != address) {
    return text + "; this node is at " + address + ", and they know it at " +
           own->member.raft_address + ": start it again with -join";
  }
  const bool votes = own != nullptr && own->votes;
  const bool is_majority = there + (votes ? 1 : 0) > membership.voters() / 2;
  // With these it would have one.
  if (is_majority) {
    text +=
        "; if they have one, this node was removed while it did not run, or another one has taken "
        "its place: start it again with -join";
  }
  return text;
}

}  // namespace rqlite::cluster
