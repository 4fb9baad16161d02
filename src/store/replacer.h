#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/status.h"
#include "command/command.h"
#include "store/database_files.h"
#include "store/replacement_write.h"
#include "store/replicated_state.h"
#include "store/set_aside.h"
#include "store/write.h"

namespace rqlite::store {

// Makes a file the database of all members: checks it and sets it aside, sends it through the log
// if there are other members, and puts the entry there that has all of them begin with it.
class Replacer {
 public:
  // What it needs of the log; from any thread.
  class Log {
   public:
    virtual ~Log() = default;
    virtual void put(const command::Piece& piece, std::unique_ptr<Write> write) = 0;
    virtual void put(const command::Replacement& replacement, std::unique_ptr<Write> write) = 0;
  };

  // All must outlive it, and every write that it was given.
  Replacer(Log& log, SetAside& set_aside, FileSystem& files, const DatabaseFiles& paths,
           const Clock& clock)
      : log_(log), set_aside_(set_aside), files_(files), paths_(paths), clock_(clock) {}

  // Takes the file at `path` over, whatever comes of it. Any thread, which it blocks. Failure: as
  // Store::replace_database().
  void replace(const std::string& path, bool has_other_members, std::unique_ptr<Write> write);

  // As the leader, says that no more will come of a file that this or an earlier leader began to
  // send, if it could not say so then: members would keep what they have, and nobody could be sent
  // a snapshot. On the apply thread, with what has been applied of such a file.
  void give_up_orphan(const std::optional<IncomingFile>& incoming);

 private:
  void put(const command::Replacement& replacement, ReplacementWrite::Way way,
           std::unique_ptr<Write> write);
  Status send_to_members(const command::Replacement& replacement);

  Log& log_;
  SetAside& set_aside_;
  FileSystem& files_;
  const DatabaseFiles& paths_;
  const Clock& clock_;

  std::atomic<bool> is_sending_{false};
  TimePoint next_give_up_;  // the apply thread's
};

}  // namespace rqlite::store
