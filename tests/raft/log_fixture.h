#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "fakes/sim_file_system.h"
#include "raft/log_model.h"
#include "raft/segment_log.h"

namespace rqlite::raft {

// A log on a disk in memory, with the model of what it must hold beside it. Gives tests of the
// log their words. Each operation is told to the model too.
class LogFixture {
 public:
  LogFixture();

  // Opens what is on the disk behind `snapshot`, closing what is open first. What it recovered is
  // in `recovered` and `found`, whether right or not.
  Status open();
  void close() { log.reset(); }
  // As open() after the process or the machine died at this point. Fills `complaint` if the log
  // is not what it has to be, and otherwise goes on with it.
  Status open_after(SimFileSystem::Crash kind, Random& random);

  // Appends entries [first, first + count) of `term`, with `bytes` of data each.
  Status append(std::uint64_t first, std::uint64_t count, std::uint64_t term,
                std::size_t bytes = 24);
  // The same, one by one.
  Status append_each(std::uint64_t first, std::uint64_t count, std::uint64_t term,
                     std::size_t bytes = 24);
  Status append(const std::optional<HardState>& hard_state, const std::vector<LogEntry>& entries);
  Status vote(std::uint64_t term, std::uint64_t vote);
  // The state machine is at `index` now; releases what it covers.
  void take_snapshot(std::uint64_t index);
  // The state machine got its content from elsewhere, and the log begins after it.
  Status install_snapshot(std::uint64_t index, std::uint64_t term);

  // "1:1 2:1 3:2": index and term of each entry in [low, high), as read() gives them.
  std::string read(std::uint64_t low, std::uint64_t high, std::size_t bytes_max = 1 << 20);
  // "1:1 2:1 3:2", as the last open() found them.
  [[nodiscard]] std::string entries() const;

  // Names of the files in the log's directory.
  std::vector<std::string> names();
  std::string path(const std::string& name) const { return options.directory + "/" + name; }
  Bytes content(const std::string& name);
  void set_content(const std::string& name, BytesView content);

  static LogEntry entry(std::uint64_t index, std::uint64_t term, std::size_t bytes);

  SimFileSystem files;
  InlineExecutor executor;
  SegmentLog::Options options{.directory = "/log", .segment_bytes = 16 << 10, .recycled_max = 2};
  Snapshot snapshot;
  LogModel model;
  std::unique_ptr<SegmentLog> log;
  bool broken = false;  // an operation failed, not for want of room: the log must not be used
  SegmentLog::Recovered recovered;
  LogContent found;
  std::string complaint;
};

}  // namespace rqlite::raft
