#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "http/debug_vars.h"
#include "http/json_tree.h"
#include "http/metrics_text.h"

namespace rqlite::rqlited {

// What `/status` says of the process itself (build, node, os and runtime) and what
// `/metrics` and `/debug/vars` do.
class ProcessStatus {
 public:
  explicit ProcessStatus(const Clock& clock);

  void add_to(http::JsonTree& tree) const;
  // And what `/metrics` and `/debug/vars` say.
  void add_to(http::MetricsText& text) const;
  void add_to(http::DebugVars& vars) const;

 private:
  const Clock& clock_;
  TimePoint started_;
  WallTime started_at_;
  std::vector<std::string> arguments_;
};

// The processor's name as the reference spells it: amd64, arm64.
const char* architecture();

}  // namespace rqlite::rqlited
