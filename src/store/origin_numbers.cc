#include "store/origin_numbers.h"

#include "base/check.h"
#include "store/forwarded_writes.h"

namespace rqlite::store {

OriginNumbers::OriginNumbers(raft::RaftId member, std::uint64_t epoch)
    : OriginNumbers(member, epoch, ForwardedWrites::Limits{}.unanswered) {}

OriginNumbers::OriginNumbers(raft::RaftId member, std::uint64_t epoch, std::size_t unanswered_max)
    : member_(member), epoch_(epoch), unanswered_max_(unanswered_max) {}

command::Origin OriginNumbers::begin() {
  MutexLock lock(mutex_);
  ended_.push_back(false);
  if (ended_.size() > unanswered_max_) {
    do {
      ended_.pop_front();
      lowest_++;
    } while (ended_.front());
  }
  return {.member = member_.value(),
          .epoch = epoch_,
          .number = lowest_ + ended_.size() - 1,
          .answered_below = lowest_};
}

void OriginNumbers::end(std::uint64_t number) {
  MutexLock lock(mutex_);
  if (number < lowest_) return;  // too many came after it
  CHECK(number - lowest_ < ended_.size() && !ended_[number - lowest_]);
  ended_[number - lowest_] = true;
  for (; !ended_.empty() && ended_.front(); lowest_++) ended_.pop_front();
}

std::size_t OriginNumbers::kept() {
  MutexLock lock(mutex_);
  return ended_.size();
}

}  // namespace rqlite::store
