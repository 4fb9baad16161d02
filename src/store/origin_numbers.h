#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/mutex.h"
#include "command/command.h"
#include "raft/types.h"

namespace rqlite::store {

// Hands out the origins of the writes that this member forwards, and knows up to where all of them
// are answered. A write keeps its origin however often it is sent.
//
// Thread-safe. Bound: beyond `unanswered_max` the oldest count as answered, as they do for whoever
// applies them (ForwardedWrites::Limits).
class OriginNumbers {
 public:
  // `epoch` is greater than that of any start of this member before, whatever its clock says.
  OriginNumbers(raft::RaftId member, std::uint64_t epoch);
  OriginNumbers(raft::RaftId member, std::uint64_t epoch, std::size_t unanswered_max);

  // The origin of another write. end() has to follow.
  [[nodiscard]] command::Origin begin() EXCLUDES(mutex_);
  // The write with `number` is not sent again: its client has an answer, whichever that is. Once
  // for each.
  void end(std::uint64_t number) EXCLUDES(mutex_);

  // How many have begun and not ended, and those behind the first of them.
  [[nodiscard]] std::size_t kept() EXCLUDES(mutex_);

 private:
  const raft::RaftId member_;
  const std::uint64_t epoch_;
  const std::size_t unanswered_max_;

  Mutex mutex_;
  std::uint64_t lowest_ GUARDED_BY(mutex_) = 1;  // that is not answered; of ended_'s first
  std::deque<bool> ended_ GUARDED_BY(mutex_);    // of lowest_ and those that follow
};

}  // namespace rqlite::store
