#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "raft/members.h"
#include "raft/types.h"

namespace rqlite::raft {

// Decides whom a leader that cannot write any more asks to lead instead.
//
// A voter that has all that is committed, has room, and was heard of lately; and only if such
// voters, behind or not, are a majority without the one that leads. Anybody else would cost the
// cluster its leader for a while, or take in writes that are never committed, instead of refusing
// them. Each is asked once in a while: that bounds how often members whose disks fill up and are
// emptied in turn pass leadership to and fro.
//
// Time is counted in ticks. Holds no thread, lock or clock.
class Handover {
 public:
  // A member is not asked again for so long.
  explicit Handover(std::uint64_t pause_ticks) : pause_ticks_(pause_ticks) {}

  void tick() { now_++; }
  // A message of `member` came, which says whether that one has room.
  void heard(RaftId member, bool has_room) { heard_[member] = {now_, has_room}; }

  // Whom to ask now, who then counts as asked; nullopt: nobody. `has_all` tells whether a member
  // has all that is committed.
  std::optional<RaftId> next(RaftId self, const Members& members,
                             const std::function<bool(RaftId)>& has_all);

 private:
  struct Heard {
    std::uint64_t at;
    bool has_room;
  };

  [[nodiscard]] bool could_write(RaftId member) const;
  [[nodiscard]] std::uint64_t last_asked(RaftId member) const;  // 0: never
  [[nodiscard]] bool asked_lately(RaftId member) const;

  const std::uint64_t pause_ticks_;
  std::uint64_t now_ = 1;
  std::map<RaftId, Heard> heard_;
  std::map<RaftId, std::uint64_t> asked_at_;
};

}  // namespace rqlite::raft
