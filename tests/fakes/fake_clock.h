#pragma once

#include <list>

#include "base/clock.h"
#include "base/mutex.h"

namespace rqlite {

// A clock that stands still until it is told to move: what depends on time happens exactly when
// the test says. Thread-safe.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override EXCLUDES(mutex_);
  [[nodiscard]] WallTime wall_now() const override EXCLUDES(mutex_);
  void wait_until(CondVar& condition, Mutex& mutex, TimePoint deadline) const override
      REQUIRES(mutex) EXCLUDES(mutex_);

  // Moves both times on and wakes those whose deadline has come. They must not go away meanwhile.
  void advance(std::chrono::nanoseconds by) EXCLUDES(mutex_);
  // Sets the time of day alone.
  void set_wall(WallTime time) EXCLUDES(mutex_);

  // Blocks until some thread waits for `deadline`: then it has nothing to do before.
  void await_sleeper(TimePoint deadline) EXCLUDES(mutex_);

 private:
  struct Sleeper {
    CondVar* condition;
    Mutex* mutex;
    TimePoint deadline;
  };

  // Taken while a sleeper's mutex is held, never the other way round.
  mutable Mutex mutex_;
  mutable CondVar went_to_sleep_;
  mutable std::list<Sleeper> sleepers_ GUARDED_BY(mutex_);
  TimePoint now_ GUARDED_BY(mutex_){std::chrono::hours(1)};
  WallTime wall_ GUARDED_BY(mutex_){std::chrono::hours(24 * 365 * 50)};
};

}  // namespace rqlite
