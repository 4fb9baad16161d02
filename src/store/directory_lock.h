#pragma once

#include <string>

#include "base/result.h"

namespace rqlite::store {

// Keeps a second process off a data directory. The operating system gives the lock up with the
// process, however it ends.
class DirectoryLock {
 public:
  // kUnavailable if another process has it.
  static Result<DirectoryLock> take(const std::string& path);

  ~DirectoryLock();
  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&&) = delete;

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace rqlite::store
