#include "base/pause.h"

#include <utility>

namespace rqlite {

bool Pause::sleep(Nanos time) {
  MutexLock lock(mutex_);
  const TimePoint deadline = later(clock_.now(), time);
  while (!stopped_ && !woken_ && clock_.now() < deadline) {
    clock_.wait_until(changed_, mutex_, deadline);
  }
  woken_ = false;
  return !stopped_;
}

void Pause::wake() {
  MutexLock lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

bool Pause::wait(const std::function<bool()>& condition, TimePoint deadline) {
  MutexLock lock(mutex_);
  while (!condition()) {
    if (stopped_) return false;
    if (deadline == TimePoint::max()) {
      changed_.wait(mutex_);
    } else if (clock_.now() < deadline) {
      clock_.wait_until(changed_, mutex_, deadline);
    } else {
      return false;
    }
  }
  return true;
}

void Pause::change(const std::function<void()>& apply) {
  MutexLock lock(mutex_);
  apply();
  changed_.notify_all();
}

void Pause::stop() {
  MutexLock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

bool Pause::is_stopped() const {
  MutexLock lock(mutex_);
  return stopped_;
}

}  // namespace rqlite
