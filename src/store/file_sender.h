#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/mutex.h"
#include "base/status.h"
#include "command/command.h"
#include "store/write.h"

namespace rqlite::store {

// Sends a file through the log in pieces, so that every member has it (incoming_database.h).
//
// Pieces are so small that other writes find their way in between, and few are on their way at a
// time, so that neither memory nor the log's queue fills with them.
class FileSender {
 public:
  static constexpr std::size_t kPieceBytes = 256 << 10;
  static constexpr int kOnTheirWayMax = 4;

  // Puts a piece into the log and tells `write`, on any thread, once it is applied here.
  using Propose = std::function<void(const command::Piece& piece, std::unique_ptr<Write> write)>;

  // `file` is what the file at `path` will be known by. `files` must outlive *this.
  FileSender(FileSystem& files, std::string path, const command::Replacement& file,
             Propose propose);

  // Blocks until all pieces are applied here; the file is closed then. Not ok: nobody will take it
  // for a database, and nothing has changed.
  Status run();

 private:
  class Sent;

  Status send(File& file, std::uint64_t offset);
  void begin_one() EXCLUDES(mutex_);
  void ended(const Status& status) EXCLUDES(mutex_);
  // Until at most `count` are on their way. Returns the first failure.
  Status wait_until_left(int count) EXCLUDES(mutex_);

  FileSystem& files_;
  const std::string path_;
  const command::Replacement file_;
  const Propose propose_;

  Mutex mutex_;
  CondVar changed_;
  int on_their_way_ GUARDED_BY(mutex_) = 0;
  Status failed_ GUARDED_BY(mutex_);
};

}  // namespace rqlite::store
