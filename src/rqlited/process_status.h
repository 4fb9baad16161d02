#pragma once

#include "base/clock.h"
#include "http/json_tree.h"
#include "http/metrics_text.h"

namespace rqlite::rqlited {

// What `/status` says of the process itself (build, node, os and runtime) and what `/metrics` does.
class ProcessStatus {
 public:
  explicit ProcessStatus(const Clock& clock);

  void add_to(http::JsonTree& tree) const;
  // And what `/metrics` says.
  void add_to(http::MetricsText& text) const;

 private:
  const Clock& clock_;
  TimePoint started_;
  WallTime started_at_;
};

// The processor's name as the reference spells it: amd64, arm64.
const char* architecture();

}  // namespace rqlite::rqlited
