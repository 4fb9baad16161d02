#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/pause.h"

namespace rqlite::cluster {

// What a thread has to do, one after the other, until it is to stop. What it will not do any more
// is refused, on the stack of whoever finds out: nothing is forgotten.
//
// Thread-safe. May outlive the thread: so whoever answers late needs not know whether it is there.
class Jobs {
 public:
  // Stopping `pause` ends next().
  explicit Jobs(std::shared_ptr<Pause> pause) : pause_(std::move(pause)) {}

  void post(std::function<void()> run, std::function<void()> refuse) EXCLUDES(mutex_);
  // Blocks. An empty one: there is none until `deadline`, or it is to stop.
  std::function<void()> next(TimePoint deadline) EXCLUDES(mutex_);
  // Of now on next() gives none, and what is posted is refused.
  void close() EXCLUDES(mutex_);
  // After close(), once next() is not called any more: refuses what is left.
  void refuse_all() EXCLUDES(mutex_);

 private:
  struct Job {
    std::function<void()> run;
    std::function<void()> refuse;
  };

  // Its lock may be held when mutex_ is taken, not the other way round.
  const std::shared_ptr<Pause> pause_;
  Mutex mutex_;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::deque<Job> jobs_ GUARDED_BY(mutex_);
};

}  // namespace rqlite::cluster
