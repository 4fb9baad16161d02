#pragma once

#include <functional>
#include <map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "raft/types.h"

namespace rqlite::store {

// Tells when the state machine has come to an index. Thread-safe.
//
// Callbacks run on the thread that calls when(), advance() or expire(), with no lock held, each
// once: with ok, or kDeadline if its time was up first.
class AppliedIndex {
 public:
  using Callback = std::function<void(const Status&)>;

  // Calls `done` when everything up to `index` is applied: at once if it is.
  void when(raft::Index index, TimePoint deadline, Callback done) EXCLUDES(mutex_);

  void advance(raft::Index index) EXCLUDES(mutex_);
  // Ends the waits whose deadline is not after `now`.
  void expire(TimePoint now) EXCLUDES(mutex_);
  // Ends all waits with `why`, and those that come later.
  void close(const Status& why) EXCLUDES(mutex_);

  [[nodiscard]] raft::Index value() EXCLUDES(mutex_);
  [[nodiscard]] bool anybody_waits() EXCLUDES(mutex_);

 private:
  struct Waiter {
    TimePoint deadline;
    Callback done;
  };

  Mutex mutex_;
  raft::Index value_ GUARDED_BY(mutex_);
  Status closed_ GUARDED_BY(mutex_);
  std::multimap<raft::Index, Waiter> waiters_ GUARDED_BY(mutex_);
};

}  // namespace rqlite::store
