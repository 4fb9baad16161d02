#include "store/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace rqlite::store {

Result<DirectoryLock> DirectoryLock::take(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return status_from_errno("open " + path, errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return DirectoryLock(fd);
  const int error = errno;
  ::close(fd);
  if (error != EWOULDBLOCK) return status_from_errno("lock " + path, error);
  return Status(Code::kUnavailable,
                "another process uses this data directory (it holds " + path + ")");
}

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) ::close(fd_);
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

}  // namespace rqlite::store
