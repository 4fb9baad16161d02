#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/slot_file.h"
#include "raft/core.h"
#include "raft/segment_log.h"
#include "sqlite/extensions.h"
#include "store/applied_index.h"
#include "store/database_files.h"
#include "store/machine.h"
#include "store/outcome_journal.h"
#include "store/outcomes.h"
#include "store/snapshot_record.h"
#include "store/snapshotter.h"
#include "store/writer.h"

namespace rqlite::store {

// The database of a store that is not open, and the log behind it, for one thread alone: applies
// all that the log holds, whether or not it was ever committed. Nobody must act as a member after
// that, unless what was applied is made a snapshot of another cluster.
class LogReplay {
 public:
  struct Options {
    raft::RaftId raft_id;
    std::string node_id;
    bool foreign_keys = false;
    sqlite::Extensions extensions = {};
    const char* base_vfs = nullptr;
    std::uint64_t log_segment_bytes = 16 << 20;
  };

  // `slot` holds `record`, which is complete. All but `options` must outlive it.
  static Result<std::unique_ptr<LogReplay>> open(Options options, FileSystem& files,
                                                 const DatabaseFiles& paths, SlotFile& slot,
                                                 const Clock& clock, const SnapshotRecord& record);

  // The last entry, or that of the snapshot if there is none behind it.
  [[nodiscard]] raft::Index last() const { return core_->status().last; }

  // Blocks for as long as it takes.
  Status apply_all();

  // The state as of the last applied entry.
  [[nodiscard]] const Snapshotter::Applied& applied() const { return machine_->now(); }

  // Makes what was applied a snapshot that says `as`, whose index and term are those of applied().
  Status take_snapshot(const Snapshotter::Applied& as);
  // The log has nothing in it any more, and goes on behind this entry. Precondition: the snapshot
  // stands there.
  Status empty_log(raft::Index index, raft::Term term) { return log_->restart_after(index, term); }

 private:
  LogReplay(Options options, FileSystem& files, const DatabaseFiles& paths, SlotFile& slot)
      : options_(std::move(options)),
        files_(files),
        paths_(paths),
        slot_(slot),
        set_aside_(files, paths, options_.base_vfs, options_.extensions) {}

  Status open_database(const Clock& clock, const SnapshotRecord& record);
  Status open_log(const SnapshotRecord& record);
  raft::Committed to_committed(const raft::EntryView& entry);

  const Options options_;
  FileSystem& files_;
  const DatabaseFiles& paths_;
  SlotFile& slot_;
  SetAside set_aside_;

  InlineExecutor executor_;
  AppliedIndex applied_;
  Outcomes outcomes_;
  std::unique_ptr<OutcomeJournal> journal_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Snapshotter> snapshotter_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<raft::SegmentLog> log_;
  std::unique_ptr<raft::Core> core_;
};

}  // namespace rqlite::store
