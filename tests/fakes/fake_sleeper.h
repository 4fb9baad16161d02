#pragma once

#include <functional>
#include <map>

#include "base/pause.h"
#include "fakes/fake_clock.h"

namespace rqlite {

// Sleeps by moving the clock on, and lets things happen meanwhile. Told to stop after an hour, so
// that a loop that gets nowhere ends.
class FakeSleeper final : public Sleeper {
 public:
  explicit FakeSleeper(FakeClock& clock)
      : clock_(clock), began_(clock.now()), stop_at_(began_ + std::chrono::hours(1)) {}

  [[nodiscard]] bool sleep(Nanos time) override {
    const TimePoint until = clock_.now() + time;
    while (!events_.empty() && events_.begin()->first <= until) {
      const auto [when, what] = *events_.begin();
      events_.erase(events_.begin());
      if (when > clock_.now()) clock_.advance(when - clock_.now());
      what();
    }
    if (until > clock_.now()) clock_.advance(until - clock_.now());
    return clock_.now() < stop_at_;
  }

  // At a time since the beginning.
  void at(Nanos time, std::function<void()> what) {
    events_.emplace(began_ + time, std::move(what));
  }
  void stop_at(Nanos time) { stop_at_ = began_ + time; }
  [[nodiscard]] Nanos elapsed() const { return clock_.now() - began_; }

 private:
  FakeClock& clock_;
  const TimePoint began_;
  TimePoint stop_at_;
  std::multimap<TimePoint, std::function<void()>> events_;
};

}  // namespace rqlite
