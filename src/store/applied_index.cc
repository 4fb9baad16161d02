#include "store/applied_index.h"

#include <utility>

namespace rqlite::store {

void AppliedIndex::when(raft::Index index, TimePoint deadline, Callback done) {
  Status status;
  {
    MutexLock lock(mutex_);
    if (closed_.ok() && index > value_) {
      waiters_.emplace(index, Waiter{deadline, std::move(done)});
      return;
    }
    status = index <= value_ ? Status() : closed_;
  }
  done(status);
}

void AppliedIndex::advance(raft::Index index) {
  std::vector<Callback> reached;
  {
    MutexLock lock(mutex_);
    value_ = index;
    const auto end = waiters_.upper_bound(index);
    for (auto each = waiters_.begin(); each != end; ++each) {
      reached.push_back(std::move(each->second.done));
    }
    waiters_.erase(waiters_.begin(), end);
  }
  for (const Callback& done : reached) done({});
}

void AppliedIndex::expire(TimePoint now) {
  std::vector<std::pair<raft::Index, Callback>> late;
  {
    MutexLock lock(mutex_);
    for (auto each = waiters_.begin(); each != waiters_.end();) {
      if (each->second.deadline > now) {
        ++each;
        continue;
      }
      late.emplace_back(each->first, std::move(each->second.done));
      each = waiters_.erase(each);
    }
  }
  for (const auto& [index, done] : late) {
    done({Code::kDeadline, "index " + index.to_string() + ": timeout waiting for fsm"});
  }
}

void AppliedIndex::close(const Status& why) {
  std::multimap<raft::Index, Waiter> waiters;
  {
    MutexLock lock(mutex_);
    closed_ = why;
    waiters = std::exchange(waiters_, {});
  }
  for (const auto& [index, waiter] : waiters) waiter.done(why);
}

raft::Index AppliedIndex::value() {
  MutexLock lock(mutex_);
  return value_;
}

bool AppliedIndex::anybody_waits() {
  MutexLock lock(mutex_);
  return !waiters_.empty();
}

}  // namespace rqlite::store
