#pragma once

#include <optional>

#include "base/clock.h"

namespace rqlite::store {

// When a piece of maintenance is due: once its interval has passed since it was tried last, or
// since it was first asked for.
//
// The time of day counts from one run of the process to the next. Within a run the monotonic clock
// does, so that a time of day that jumps makes nothing come sooner. A time in the future, which a
// wrong clock left behind, counts as now.
class MaintenanceSchedule {
 public:
  // `interval` is more than zero; `since`, of the time of day, is where it begins.
  MaintenanceSchedule(Nanos interval, WallTime since, WallTime wall_now, TimePoint now);

  [[nodiscard]] TimePoint due() const { return due_; }

  // A whole interval from `now` on.
  void restart(TimePoint now) { due_ = now + interval_; }
  // After `pause`, or after a whole interval if that is shorter.
  void look_again(TimePoint now, Nanos pause);

 private:
  Nanos interval_;
  TimePoint due_;
};

}  // namespace rqlite::store
