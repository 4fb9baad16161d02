#pragma once

#include <functional>

#include "base/clock.h"
#include "base/mutex.h"

namespace rqlite {

// How a loop sleeps. A test's does not.
class Sleeper {
 public:
  virtual ~Sleeper() = default;
  // Blocks for so long, unless it is woken. False: whoever sleeps is to stop.
  [[nodiscard]] virtual bool sleep(Nanos time) = 0;
};

// The waits of a thread that can be told to stop: it then does so at once, whatever it waits for.
// Thread-safe.
class Pause final : public Sleeper {
 public:
  explicit Pause(const Clock& clock) : clock_(clock) {}  // must outlive it

  [[nodiscard]] bool sleep(Nanos time) override EXCLUDES(mutex_);
  // Ends the sleep that is under way, or else the next one.
  void wake() EXCLUDES(mutex_);

  // Blocks until `condition` holds, which is looked at under a lock and again after each change().
  // False: it does not hold, and whoever waits is to stop, or the deadline has come.
  [[nodiscard]] bool wait(const std::function<bool()>& condition,
                          TimePoint deadline = TimePoint::max()) EXCLUDES(mutex_);
  // Runs `apply` under that lock.
  void change(const std::function<void()>& apply) EXCLUDES(mutex_);

  // For good.
  void stop() EXCLUDES(mutex_);
  [[nodiscard]] bool is_stopped() const EXCLUDES(mutex_);

 private:
  const Clock& clock_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool stopped_ GUARDED_BY(mutex_) = false;
  bool woken_ GUARDED_BY(mutex_) = false;
};

}  // namespace rqlite
