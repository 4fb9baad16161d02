#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "base/file_system.h"
#include "base/mutex.h"
#include "base/result.h"
#include "command/command.h"
#include "sqlite/extensions.h"
#include "store/database_files.h"
#include "store/replicated_state.h"

namespace rqlite::store {

// Databases that are to replace this one: each checked by the member that was given it, on the
// disk, and put aside under a number until its entry is applied.
//
// Thread-safe; take() blocks for as long as it reads and syncs.
class SetAside {
 public:
  // All of them must outlive it.
  SetAside(FileSystem& files, const DatabaseFiles& paths, const char* base_vfs,
           const sqlite::Extensions& extensions)
      : files_(files), paths_(paths), base_vfs_(base_vfs), extensions_(extensions) {}

  // Takes the file at `path` over, which is gone from there whatever comes of it. Not ok: `why` is
  // kInvalid if it is no sound database, with the text for whoever sent it.
  Status take(const std::string& path, command::Replacement& replacement) EXCLUDES(mutex_);

  // A path for a file that comes from another member, and its number.
  std::string reserve(command::Replacement& replacement) EXCLUDES(mutex_);

  // Puts a piece of a file at its place, durably; the one at offset 0 makes the file. Of one that
  // take() took, everything is there already. kDiskFull: it may be tried again.
  Status write(std::uint64_t file, std::uint64_t offset, BytesView bytes) EXCLUDES(mutex_);
  // A file of which the beginning came before a restart.
  void expect(std::uint64_t file) EXCLUDES(mutex_);
  // Nobody waits for it any more. It stays for as long as a restart may write to it once more.
  void let_go(std::uint64_t file) EXCLUDES(mutex_);
  // The same for whatever an earlier run left behind, now that its log has been applied.
  void let_go_of_leftovers() EXCLUDES(mutex_);
  // Removes what was let go, but what the last snapshot, or what was applied since, goes on with.
  void remove_old(const std::optional<IncomingFile>& in_snapshot,
                  const std::optional<IncomingFile>& now) EXCLUDES(mutex_);

  // Removes a file that is not even looked at.
  void discard(const std::string& path);
  // Its entry was applied, or never will be.
  void settled(std::uint64_t file) EXCLUDES(mutex_);

 private:
  Status prepare(const std::string& path, command::Replacement& replacement);
  void forget(std::uint64_t file) REQUIRES(mutex_);

  FileSystem& files_;
  const DatabaseFiles& paths_;
  const char* const base_vfs_;
  const sqlite::Extensions& extensions_;

  Mutex mutex_;
  std::set<std::uint64_t> pending_ GUARDED_BY(mutex_);  // their fate is open
  std::set<std::uint64_t> taken_ GUARDED_BY(mutex_);    // of these, those that take() took
  std::set<std::uint64_t> old_ GUARDED_BY(mutex_);      // let go
};

}  // namespace rqlite::store
