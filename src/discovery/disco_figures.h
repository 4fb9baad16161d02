#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "discovery/disco_report.h"

namespace rqlite::discovery {

// Keeps a report up to date. Thread-safe.
class DiscoFigures {
 public:
  DiscoFigures(DiscoReport fixed, const Clock& clock) : clock_(clock), report_(std::move(fixed)) {}

  // An attempt to reach the name server or the store went well, or did not.
  void count(const Status& outcome) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    report_.last_error = outcome.text();
    if (outcome.ok()) report_.last_contact = clock_.wall_now();
  }
  void found(std::vector<std::string> addresses) EXCLUDES(mutex_) {
    count(Status());
    MutexLock lock(mutex_);
    report_.last_addresses = std::move(addresses);
  }

  [[nodiscard]] DiscoReport report() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return report_;
  }

 private:
  const Clock& clock_;  // must outlive it
  mutable Mutex mutex_;
  DiscoReport report_ GUARDED_BY(mutex_);
};

}  // namespace rqlite::discovery
