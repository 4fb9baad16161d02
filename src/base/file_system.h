#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace rqlite {

// One open file. Not thread-safe, except that the syncs may run beside reads and writes.
class File {
 public:
  virtual ~File() = default;

  // Reads up to `size` bytes at `offset` into `to`; returns how many there were before the end.
  virtual Result<std::size_t> read(std::uint64_t offset, char* to, std::size_t size) = 0;

  // Writes all of `parts` one after the other at `offset`. On failure any part of it may be there.
  virtual Status write(std::uint64_t offset, std::span<const iovec> parts) = 0;

  // Gives the file `size` bytes and reserves room for all of them, or fails with kDiskFull.
  virtual Status reserve(std::uint64_t size) = 0;

  virtual Status truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() = 0;

  // What was written before the call survives a power cut once it returned ok. After a failure
  // nobody knows what is on the disk: the caller must not go on as if a retry had helped.
  virtual Status sync_data() = 0;

  // As sync_data(), but for much data of which nobody is in a hurry: it goes to the disk piece by
  // piece, so that the syncs of others find their way in between.
  virtual Status sync_data_in_pieces() { return sync_data(); }

  Status write(std::uint64_t offset, BytesView bytes);
};

// What tells that a file is no longer what it was: two that differ. The other way round, a file
// that was changed twice within the grain of the system's clock, a few milliseconds, looks
// unchanged.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  WallTime modified;  // its content; programs that copy files may set it
  WallTime changed;   // its content, or what the system knows about it

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// The part of a file system that we use. Thread-safe. Paths are absolute.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  enum class Open { kExisting, kCreateOrTruncate, kReadOnly };
  virtual Result<std::unique_ptr<File>> open(const std::string& path, Open how) = 0;

  virtual Result<bool> exists(const std::string& path) = 0;

  // Of the file that `path` names, through links.
  virtual Result<FileStamp> stamp(const std::string& path) = 0;

  // What a path leads to, through links.
  enum class Kind { kNothing, kFile, kDirectory, kOther };
  virtual Result<Kind> kind(const std::string& path) = 0;

  // Names in the directory, sorted, without "." and "..".
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;

  // Makes the directory and those above it; ok if it is there.
  virtual Status make_directories(const std::string& path) = 0;

  // Replaces `to` if it exists. Durable only after sync_directory().
  virtual Status rename(const std::string& from, const std::string& to) = 0;

  // Ok if there is no such file. Durable only after sync_directory().
  virtual Status remove(const std::string& path) = 0;

  // Removes a file, or a directory with all that is in it, in no order that a crash would keep. Ok
  // if there is nothing.
  virtual Status remove_all(const std::string& path) = 0;

  virtual Status sync_directory(const std::string& path) = 0;

  // Bytes that an unprivileged process may still write to the file system that holds `path`.
  virtual Result<std::uint64_t> free_bytes(const std::string& path) = 0;

  // The whole content of a small file.
  Result<Bytes> read_file(const std::string& path);

  // Makes `path` hold exactly `content`, durably: after a power cut it holds either what it held
  // before or all of `content`.
  Status replace_file(const std::string& path, BytesView content);
};

// The directory part of `path` ("/" for "/x").
std::string parent_directory(const std::string& path);

// The operating system's files. One for the process is enough; it has no state.
FileSystem& posix_file_system();

}  // namespace rqlite
