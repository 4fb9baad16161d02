#include "cluster/silence.h"

#include <algorithm>
#include <utility>

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

// Looks wait for each other's work, and for a thread: so much is not late yet.
constexpr int kLateAfterLooks = 3;
// A pause of more than this part of what a member is allowed has its count begin anew.
constexpr int kLongPart = 10;

}  // namespace

Silence::Silence(raft::RaftId self, Options options, HeardAt heard_at, Allowed allowed)
    : self_(self),
      options_(options),
      heard_at_(std::move(heard_at)),
      allowed_(std::move(allowed)) {}

std::vector<Silence::Change> Silence::look(raft::Term term, const store::Membership& members,
                                           TimePoint now) {
  if (term != term_) forget();
  term_ = term;
  keep_only(members);
  const std::chrono::nanoseconds passed = looked_at_ == TimePoint() ? 0ns : now - looked_at_;
  looked_at_ = now;
  std::vector<Change> changes;
  for (const auto& [id, entry] : members.entries()) {
    if (id == self_) continue;
    Member& member = members_.try_emplace(id, Member{now}).first->second;
    if (const TimePoint heard = heard_at_(id); heard > member.since) {
      member.since = heard;
      if (std::exchange(member.is_missed, false)) changes.push_back({id, false});
    }
    if (passed > kLateAfterLooks * options_.look_every) {
      pass_over(member, passed, allowed_(entry));
    }
    if (!member.is_missed && now - member.since > options_.missed_after) {
      member.is_missed = true;
      changes.push_back({id, true});
    }
  }
  return changes;
}

void Silence::pass_over(Member& member, std::chrono::nanoseconds late,
                        std::chrono::nanoseconds allowed) {
  const bool is_long = allowed > 0ns && late > allowed / kLongPart;
  member.since = is_long ? looked_at_ : std::min(looked_at_, member.since + late);
}

std::chrono::nanoseconds Silence::of(raft::RaftId id) const {
  const auto found = members_.find(id);
  return found == members_.end() ? 0ns : looked_at_ - found->second.since;
}

void Silence::keep_only(const store::Membership& members) {
  std::erase_if(members_, [&](const auto& each) { return !members.contains(each.first); });
}

void Silence::forget() {
  looked_at_ = {};
  members_.clear();
}

}  // namespace rqlite::cluster
