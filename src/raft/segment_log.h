#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/file_system.h"
#include "base/result.h"
#include "raft/log.h"
#include "raft/log_recovery.h"
#include "raft/record.h"
#include "raft/segment.h"
#include "raft/spare_segment.h"

namespace rqlite::raft {

// The write-ahead log: records in preallocated segments, one pwritev and one fdatasync an append.
//
// Durability: what append() returned ok for survives a power cut. Recovery: a batch that was
// being written then is cut off whole or in part; damage to anything older is never taken for
// that, and open() refuses. Bound: a released segment is used again, so in steady state the log
// takes a fixed number of files.
class SegmentLog final : public Log {
 public:
  struct Options {
    std::string directory;
    std::uint64_t segment_bytes = 16 << 20;
    std::size_t recycled_max = 2;
  };

  using Recovered = RecoveredLog;
  using Replay = LogReplay;

  // Makes an empty log, durably. For a member that is founded; it must come before what tells that
  // the member has a log.
  static Status make(FileSystem& files, Executor& executor, const Options& options);

  // Opens the log and passes the entries behind `snapshot` to `to`. Makes it in an empty directory
  // if the snapshot is one of nothing, with index 0. kFailed, with what to do, if durable records
  // are damaged or missing. `files` and `executor` must outlive the log.
  static Result<std::unique_ptr<SegmentLog>> open(FileSystem& files, Executor& executor,
                                                  Options options, const Snapshot& snapshot,
                                                  Replay& to, Recovered& recovered);
  ~SegmentLog() override;

  Status reserve(std::size_t entries, std::size_t bytes) override;
  bool has_room() override;
  Status append(const std::optional<HardState>& hard_state,
                std::span<const EntryView> entries) override;
  Status read(Index low, Index high, std::size_t bytes_max, const Sink& sink) override;
  void release(Index index) override;
  [[nodiscard]] Index first_within(std::uint64_t bytes) const override;
  Status restart_after(Index index, Term term) override;

  // Bytes of the segments in use, and how many batches were synced. For status; the log's thread.
  [[nodiscard]] std::uint64_t disk_bytes() const;
  [[nodiscard]] std::uint64_t syncs() const { return syncs_; }

 private:
  SegmentLog(FileSystem& files, Executor& executor, Options options);

  Status recover(const Snapshot& snapshot, Replay& to, Recovered& recovered);
  // Keeps the first empty segment as the spare, if it can serve; removes the rest.
  Status keep_spare(std::deque<Segment> empty);
  Status reserve_huge(std::uint64_t need);

  // Writes what this process's records begin with.
  Status begin_run();
  // Puts a record into the batch that flush() writes; rolls over to the next segment first if
  // it does not fit. A large payload must live until then.
  Status add(RecordType type, Index index, Term term, BytesView payload);
  void put(RecordType type, Index index, Term term, BytesView payload);
  void put_state();
  // Whether the last segment has room for `bytes` of records, and a seal.
  [[nodiscard]] bool fits(std::uint64_t bytes) const;
  // Writes the batch, durably.
  Status flush();
  // Seals the last segment, durably, and goes on to the next, with room for `bytes` and more.
  Status roll(std::uint64_t bytes);

  FileSystem& files_;
  const Options options_;
  SpareSegment spare_;

  std::deque<Segment> segments_;  // never empty once open; the last one is written to
  HardState hard_state_;
  Index last_;             // entry
  std::uint32_t run_ = 0;  // until this process's begins, that of the one before
  bool run_begun_ = false;
  std::optional<Term>
      void_before_;  // the log restarts after last_, of this term, as the run begins
  std::uint64_t syncs_ = 0;

  // The batch being put together: headers, padding and small payloads in `frames_`, into which a
  // large payload is spliced at `at`.
  struct Borrowed {
    std::size_t at;
    BytesView payload;
  };
  Bytes frames_;
  std::vector<Borrowed> borrowed_;
  std::uint64_t batch_start_ = 0;  // where in the last segment it goes: all before is durable
};

}  // namespace rqlite::raft
