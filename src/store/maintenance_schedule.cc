#include "store/maintenance_schedule.h"

#include <algorithm>

namespace rqlite::store {
namespace {

// Longer than anybody waits, and far from where times overflow.
constexpr Nanos kIntervalMax = std::chrono::hours(24 * 365 * 50);

}  // namespace

MaintenanceSchedule::MaintenanceSchedule(Nanos interval, WallTime since, WallTime wall_now,
                                         TimePoint now)
    : interval_(std::min(interval, kIntervalMax)) {
  // Compared first: the difference of times that are far apart could overflow.
  Nanos passed = Nanos::zero();
  if (since < wall_now) {
    passed = since + interval_ <= wall_now ? interval_ : Nanos(wall_now - since);
  }
  due_ = now + (interval_ - passed);
}

void MaintenanceSchedule::look_again(TimePoint now, Nanos pause) {
  due_ = now + std::min(interval_, pause);
}

}  // namespace rqlite::store
