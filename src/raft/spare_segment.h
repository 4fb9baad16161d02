#pragma once

#include <deque>
#include <optional>
#include <string>

#include "base/executor.h"
#include "base/file_system.h"
#include "base/mutex.h"
#include "base/result.h"
#include "raft/segment.h"

namespace rqlite::raft {

// Keeps the log's next segment ready, so that an append never waits for one to be made.
//
// Threads: the log's thread calls; the making runs on the executor. Failure: a segment that could
// not be made is tried again with the next call of prepare(); take() tells why.
class SpareSegment {
 public:
  struct Options {
    std::string directory;
    std::uint64_t bytes;       // of each segment
    std::size_t recycled_max;  // released files that are kept for use as spares
  };

  // `files` and `executor` must outlive *this.
  SpareSegment(FileSystem& files, Executor& executor, Options options);
  ~SpareSegment();
  SpareSegment(const SpareSegment&) = delete;
  SpareSegment& operator=(const SpareSegment&) = delete;

  // Starts to make the segment with this sequence number unless it is there or being made.
  void prepare(std::uint64_t sequence) EXCLUDES(mutex_);

  // Gives a spare that was found on disk.
  void adopt(Segment segment) EXCLUDES(mutex_);

  // There is none, and it could not be made when that was last tried.
  [[nodiscard]] bool is_refused() EXCLUDES(mutex_);

  // Waits until nothing is being made. True if a spare is there.
  bool wait() EXCLUDES(mutex_);

  // The spare, waited for if it is being made, or why there is none.
  Result<Segment> take() EXCLUDES(mutex_);

  // A file that is no longer needed: becomes a later spare, or is removed.
  void recycle(Segment segment) EXCLUDES(mutex_);

 private:
  void make(std::uint64_t sequence) EXCLUDES(mutex_);

  FileSystem& files_;
  Executor& executor_;
  const Options options_;

  Mutex mutex_;
  CondVar changed_;  // making_ went false
  bool making_ GUARDED_BY(mutex_) = false;
  std::optional<Segment> spare_ GUARDED_BY(mutex_);
  Status failure_ GUARDED_BY(mutex_);                    // of the last making
  std::deque<std::string> recycled_ GUARDED_BY(mutex_);  // oldest first
};

}  // namespace rqlite::raft
