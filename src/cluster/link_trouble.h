#pragma once

#include <chrono>
#include <string>

#include "base/clock.h"

namespace rqlite::cluster {

// What is worth a line in the log while the way to another member cannot be made: that it has been
// so for a while and why, likewise when the reason has become another one, and a refusal at once.
//
// Holds no clock: the caller passes the time in. Not thread-safe.
class LinkTrouble {
 public:
  struct Options {
    std::chrono::nanoseconds patience{std::chrono::seconds(5)};  // as long as a restart may take
    std::chrono::nanoseconds pause{std::chrono::seconds(30)};    // between two other reasons
  };

  explicit LinkTrouble(Options options) : options_(options) {}

  // It could not be made; `is_refusal`: for the other one is there, and does not want this node.
  // Whether that is to be told.
  bool failed(const std::string& why, bool is_refusal, TimePoint now);
  // It was made. Whether that is to be told, for the trouble was.
  bool over();

 private:
  const Options options_;
  bool is_failing_ = false;
  TimePoint since_;
  std::string told_;  // why; empty: nothing
  TimePoint told_at_;
};

}  // namespace rqlite::cluster
