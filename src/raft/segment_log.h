#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/file_system.h"
#include "base/result.h"
#include "raft/log.h"
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

  // What a restart finds.
  struct Recovered {
    std::optional<HardState> hard_state;
    Index last;        // the last entry; the snapshot's index if there is none
    Bytes torn;        // says where a torn batch was cut off; empty if none was
  };

  // Takes in what recovery reads.
  class Replay {
   public:
    virtual ~Replay() = default;
    // Entries come in order. One that comes again replaces the earlier one and all behind it.
    // The view lives for the call only.
    virtual void entry(const EntryView& entry) = 0;
    // All entries so far are void.
    virtual void restart() = 0;
  };

  // Opens the log, or makes it if the directory is empty, and passes the entries behind
  // `snapshot` to `to`. kFailed, with what to do, if durable records are damaged or missing.
  // `files` and `executor` must outlive the log.
  static Result<std::unique_ptr<SegmentLog>> open(FileSystem& files, Executor& executor,
                                                  Options options, Index snapshot, Replay& to,
                                                  Recovered& recovered);
  ~SegmentLog() override;

  Status reserve(std::size_t entries, std::size_t bytes) override;
  Status append(const std::optional<HardState>& hard_state, std::span<const EntryView> entries,
                bool sync) override;
  Status read(Index low, Index high, std::size_t bytes_max, const Sink& sink) override;
  void release(Index index) override;
  Status restart_after(Index index, Term term) override;

  // Bytes of all segment files, and how many batches were synced. For status; the log's thread.
  [[nodiscard]] std::uint64_t disk_bytes() const;
  [[nodiscard]] std::uint64_t syncs() const { return syncs_; }

 private:
  SegmentLog(FileSystem& files, Executor& executor, Options options);

  Status recover(Index snapshot, Replay& to, Recovered& recovered);
  // Opens the segments on disk that follow each other without a gap, up to the newest.
  Status find_segments();
  // Reads the records of `segment`, notes its entries, and tells whether it is sealed.
  Result<bool> replay(Segment& segment, std::optional<std::uint32_t>& run, Index snapshot,
                      Replay& to, Recovered& recovered);
  Status replay_record(Segment& segment, const Record& record, std::uint64_t offset,
                       Index snapshot, Replay& to, Recovered& recovered);
  // Keeps one empty segment behind the `used` ones as the spare; removes the rest.
  Status keep_spare(std::size_t used);
  Status reserve_huge(std::uint64_t need);

  Status add_state();
  // Puts a record into the batch that flush() writes; rolls over to the next segment first if
  // it does not fit. A large payload must live until then.
  Status add(RecordType type, Index index, Term term, BytesView payload);
  // Writes the batch; syncs it, and all that was written unsynced before, if `sync`.
  Status flush(bool sync);
  // Seals the last segment, durably, and starts the next, with room for `bytes` more.
  Status roll(std::uint64_t bytes);
  void forget_from(Index index);

  FileSystem& files_;
  const Options options_;
  SpareSegment spare_;

  std::deque<Segment> segments_;  // never empty once open; the last one is written to
  HardState hard_state_;
  Index last_;  // entry
  std::uint32_t run_ = 0;
  bool run_begun_ = false;
  std::uint64_t batch_start_ = 0;  // in the last segment: all before it is durable
  std::uint64_t syncs_ = 0;

  // The batch being put together: headers, padding and small payloads in `frames_`, into which a
  // large payload is spliced at `at`.
  struct Borrowed {
    std::size_t at;
    BytesView payload;
  };
  Bytes frames_;
  std::vector<Borrowed> borrowed_;
  std::uint64_t written_ = 0;  // where in the last segment the batch goes
};

}  // namespace rqlite::raft
