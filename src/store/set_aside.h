#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "base/file_system.h"
#include "base/mutex.h"
#include "base/result.h"
#include "command/command.h"
#include "sqlite/extensions.h"
#include "store/database_files.h"

namespace rqlite::store {

// Databases that are to replace this one: each checked, on the disk, and put aside under a number
// until its entry is applied.
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

  // Removes a file that is not even looked at.
  void discard(const std::string& path);
  // Its entry was applied, or never will be.
  void settled(const command::Replacement& replacement) EXCLUDES(mutex_);

 private:
  Status prepare(const std::string& path, command::Replacement& replacement);
  // What an earlier run left behind, now that its log has been applied.
  void remove_leftovers() REQUIRES(mutex_);

  FileSystem& files_;
  const DatabaseFiles& paths_;
  const char* const base_vfs_;
  const sqlite::Extensions& extensions_;

  Mutex mutex_;
  std::set<std::uint64_t> pending_ GUARDED_BY(mutex_);  // their fate is open
};

}  // namespace rqlite::store
