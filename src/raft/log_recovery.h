#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "raft/record.h"
#include "raft/segment.h"
#include "raft/types.h"

namespace rqlite::raft {

// Takes in what recovery reads.
class LogReplay {
 public:
  virtual ~LogReplay() = default;
  // Entries come in order. One that comes again replaces the earlier one and all behind it.
  // The view lives for the call only.
  virtual void entry(const EntryView& entry) = 0;
  // All entries so far are void.
  virtual void restart() = 0;
};

// What a restart finds.
struct RecoveredLog {
  std::optional<HardState> hard_state;
  Index last;  // the last entry; the snapshot's index if there is none
  Bytes torn;  // says where a torn batch was cut off; empty if none was
};

// Reads the log's segments after a start and judges them. Nothing on disk changes but that drafts
// of segments go, and that what was read is durable when run() returns ok.
class LogRecovery {
 public:
  // What a process that dies between the two leaves behind: a snapshot that came from a leader is
  // durable, and the log not yet restarted after it. If the log does not hold the snapshot's very
  // entry, it is of no use, and all it may hold behind it contradicts what is committed.
  LogRecovery(FileSystem& files, std::string directory, const Snapshot& snapshot, LogReplay& to);

  // kFailed, with what to do, if durable records are damaged or missing.
  Status run();

  // What run() found; taken once.
  [[nodiscard]] RecoveredLog take_recovered() { return std::move(recovered_); }
  // The segments of the log. The last one is to be written to; none if the directory is empty.
  [[nodiscard]] std::deque<Segment> take_segments() { return std::move(segments_); }
  // Those that follow, without a record.
  [[nodiscard]] std::deque<Segment> take_empty() { return std::move(empty_); }
  // Files that were released long ago.
  [[nodiscard]] const std::vector<std::string>& leftovers() const { return leftovers_; }
  // The run of the last record; nullopt if there is none.
  [[nodiscard]] std::optional<std::uint32_t> run_of_last() const { return run_; }
  // Whether the log has to restart after the snapshot before it takes an entry.
  [[nodiscard]] bool is_void() const { return void_; }

 private:
  // Opens the segments on disk that follow each other without a gap, up to the newest.
  Status find_segments();
  // Reads the records of `segment`, notes its entries, and tells whether it is sealed.
  Result<bool> replay(Segment& segment);
  Status replay_record(Segment& segment, const Record& record, std::uint64_t offset);
  Status replay_entry(Segment& segment, const Record& record, std::uint64_t offset);
  // Makes the log one that ends with entry `last`.
  Status cut_behind(Index last);
  // Makes the log one that has no entries behind the snapshot.
  void drop_entries();
  // What the process that died had written, but perhaps not synced, must not get lost later.
  Status make_durable();

  FileSystem& files_;
  const std::string directory_;
  const Snapshot& snapshot_;
  LogReplay& to_;

  std::deque<Segment> segments_;
  std::deque<Segment> empty_;
  std::vector<std::string> leftovers_;
  RecoveredLog recovered_;
  std::optional<std::uint32_t> run_;  // of the last record
  Index last_;  // the log's last entry by the records so far, be it behind the snapshot or not
  std::optional<Term> term_at_snapshot_;  // of the entry in the log, if it was read
  bool void_ = false;
};

// What to do when the data of a node cannot be used: the last sentences of the message.
inline constexpr std::string_view kDataIsOfNoUse =
    "Put the data directory away. A member of a cluster joins again with an empty one; an older "
    "copy would lack what the node has promised since. A node that is alone begins with an empty "
    "one and loads a backup";

// The status of a log that must not be used.
Status log_damaged(const std::string& what);

}  // namespace rqlite::raft
