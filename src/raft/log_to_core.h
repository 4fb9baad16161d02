#pragma once

#include "raft/core.h"
#include "raft/segment_log.h"

namespace rqlite::raft {

// Feeds the log's entries to a core that is about to start.
class LogToCore final : public SegmentLog::Replay {
 public:
  explicit LogToCore(Core::Builder& builder) : builder_(builder) {}
  void entry(const EntryView& entry) override { builder_.entry(entry); }
  void restart() override { builder_.restart(); }

 private:
  Core::Builder& builder_;
};

}  // namespace rqlite::raft
