#pragma once

#include <chrono>

#include "base/mutex.h"

namespace rqlite {

using TimePoint = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;
using Nanos = std::chrono::nanoseconds;

// `wait` after `start`, or the end of time if that comes first: whoever asks for 2562047h means
// "as long as it takes".
constexpr TimePoint later(TimePoint start, Nanos wait) {
  return wait > Nanos::zero() && start > TimePoint::max() - wait ? TimePoint::max() : start + wait;
}

// Where time comes from. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Monotonic: for intervals and deadlines.
  [[nodiscard]] virtual TimePoint now() const = 0;

  // The time of day, which may jump: for what people and SQL see.
  [[nodiscard]] virtual WallTime wall_now() const = 0;

  // Waits on `condition` until it is notified or now() has reached `deadline`. May return early,
  // as all waits may.
  virtual void wait_until(CondVar& condition, Mutex& mutex, TimePoint deadline) const
      REQUIRES(mutex) {
    condition.wait_until(mutex, deadline);
  }
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] WallTime wall_now() const override { return std::chrono::system_clock::now(); }
};

}  // namespace rqlite
