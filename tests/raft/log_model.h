#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "raft/segment_log.h"
#include "raft/types.h"

namespace rqlite::raft {

struct LogEntry {
  Index index;
  Term term;
  EntryKind kind = EntryKind::kNormal;
  Bytes data;

  LogEntry() = default;
  explicit LogEntry(const EntryView& view);
  [[nodiscard]] EntryView view() const { return {index, term, kind, data}; }
  friend bool operator==(const LogEntry&, const LogEntry&) = default;
};

// What a log holds: everything behind the entry `before`, which had `before_term`.
struct LogContent {
  HardState hard_state;
  Index before;
  Term before_term;
  std::vector<LogEntry> entries;

  [[nodiscard]] Index last() const { return entries.empty() ? before : entries.back().index; }
  // Nullptr if the log does not hold it.
  [[nodiscard]] const LogEntry* find(Index index) const;
  [[nodiscard]] std::optional<Term> term(Index index) const;
  // Entries behind `last` go.
  void cut_behind(Index last);
  // Entries of the same or a higher index go first.
  void put(const LogEntry& entry);
  // What a log with this content is to recover if the state machine stands at `snapshot`: nothing,
  // if it does not hold that very entry, and otherwise what follows.
  [[nodiscard]] LogContent behind(const Snapshot& snapshot) const;

  // "term 2 vote 1 commit 0, after 3:1: 4:1 5:2", with the sizes of data left out.
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const LogContent&, const LogContent&) = default;
};

// Collects what a log recovers.
class CollectReplay final : public SegmentLog::Replay {
 public:
  void entry(const EntryView& entry) override { content.put(LogEntry(entry)); }
  void restart() override { content.entries.clear(); }

  LogContent content;
};

// What a log must hold, and may hold after a crash in the middle of an operation: any prefix of
// what it was writing, behind what that leaves in place.
class LogModel {
 public:
  // An operation begins.
  void append(const std::optional<HardState>& hard_state, std::span<const EntryView> entries);
  void restart_after(Index index, Term term);
  // It returned ok.
  void acknowledge();

  // Says what is wrong with a log that was opened behind `snapshot` and recovered `found`; empty
  // if nothing is.
  [[nodiscard]] std::string complaint(const Snapshot& snapshot, const LogContent& found) const;
  // What was recovered is what counts from now on.
  void adopt(LogContent found);

  [[nodiscard]] const LogContent& acknowledged() const { return acknowledged_; }

 private:
  struct Restart {
    Index index;
    Term term;
  };
  // Calls `each` with what the operation under way passes through, up to its end, until it
  // returns true; tells whether it did.
  template <typename Each>
  bool any_step(const Each& each) const;

  LogContent acknowledged_;
  // The operation under way.
  std::optional<Restart> restart_;
  std::optional<HardState> hard_state_;
  std::vector<LogEntry> entries_;
};

}  // namespace rqlite::raft
