#include "fakes/fake_clock.h"

#include <algorithm>
#include <vector>

namespace rqlite {

TimePoint FakeClock::now() const {
  MutexLock lock(mutex_);
  return now_;
}

WallTime FakeClock::wall_now() const {
  MutexLock lock(mutex_);
  return wall_;
}

void FakeClock::wait_until(CondVar& condition, Mutex& mutex, TimePoint deadline) const {
  std::list<Sleeper>::iterator self;
  {
    MutexLock lock(mutex_);
    if (now_ >= deadline) return;
    self = sleepers_.insert(sleepers_.end(), {&condition, &mutex, deadline});
  }
  went_to_sleep_.notify_all();
  condition.wait(mutex);
  MutexLock lock(mutex_);
  sleepers_.erase(self);
}

void FakeClock::advance(std::chrono::nanoseconds by) {
  std::vector<Sleeper> due;
  {
    MutexLock lock(mutex_);
    now_ += by;
    wall_ += std::chrono::duration_cast<WallTime::duration>(by);
    for (const Sleeper& each : sleepers_) {
      if (each.deadline <= now_) due.push_back(each);
    }
  }
  for (const Sleeper& each : due) {
    // Its mutex is free only once it really waits: the wake-up cannot come too early.
    {
      MutexLock lock(*each.mutex);
    }
    each.condition->notify_all();
  }
}

void FakeClock::set_wall(WallTime time) {
  MutexLock lock(mutex_);
  wall_ = time;
}

void FakeClock::await_sleeper(TimePoint deadline) {
  MutexLock lock(mutex_);
  while (std::none_of(sleepers_.begin(), sleepers_.end(),
                      [&](const Sleeper& each) { return each.deadline == deadline; })) {
    went_to_sleep_.wait(mutex_);
  }
}

}  // namespace rqlite
