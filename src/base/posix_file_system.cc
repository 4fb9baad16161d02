#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/file_system.h"

namespace rqlite {
namespace {

WallTime time_of(const timespec& since_1970) {
  const auto nanos =
      std::chrono::seconds(since_1970.tv_sec) + std::chrono::nanoseconds(since_1970.tv_nsec);
  return WallTime(std::chrono::duration_cast<WallTime::duration>(nanos));
}

class PosixFile final : public File {
 public:
  PosixFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~PosixFile() override { ::close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<std::size_t> read(std::uint64_t offset, char* to, std::size_t size) override {
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n = ::pread(fd_, to + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail("read");
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  using File::write;
  Status write(std::uint64_t offset, std::span<const iovec> parts) override {
    std::vector<iovec> left(parts.begin(), parts.end());
    std::size_t first = 0;
    while (true) {
      while (first < left.size() && left[first].iov_len == 0) first++;
      if (first == left.size()) return {};
      const auto count = static_cast<int>(std::min<std::size_t>(left.size() - first, IOV_MAX));
      const ssize_t n = ::pwritev(fd_, &left[first], count, static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail("write");
      offset += static_cast<std::uint64_t>(n);
      // A short write may end inside a part: go on from there.
      auto written = static_cast<std::size_t>(n);
      while (written > 0) {
        const std::size_t step = std::min(written, left[first].iov_len);
        left[first].iov_base = static_cast<char*>(left[first].iov_base) + step;
        left[first].iov_len -= step;
        written -= step;
        if (left[first].iov_len == 0) first++;
      }
    }
  }

  Status reserve(std::uint64_t size) override {
    const int error = ::posix_fallocate(fd_, 0, static_cast<off_t>(size));
    return error == 0 ? Status() : status_from_errno("reserve " + path_, error);
  }

  Status truncate(std::uint64_t size) override {
    return ::ftruncate(fd_, static_cast<off_t>(size)) == 0 ? Status() : fail("truncate");
  }

  Result<std::uint64_t> size() override {
    struct stat info{};
    if (::fstat(fd_, &info) != 0) return fail("stat");
    return static_cast<std::uint64_t>(info.st_size);
  }

  Status sync_data() override { return ::fdatasync(fd_) == 0 ? Status() : fail("fdatasync"); }

  Status sync_data_in_pieces() override {
    constexpr off_t kPiece = 1 << 20;
    struct stat about{};
    if (::fstat(fd_, &about) != 0) return fail("fstat");
    for (off_t at = 0; at < about.st_size; at += kPiece) {
      constexpr unsigned kWriteAndWait =
          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
      // It may be the only one to hear of an error: the kernel reports each once.
      if (::sync_file_range(fd_, at, kPiece, kWriteAndWait) != 0) return fail("sync_file_range");
    }
    return sync_data();
  }

 private:
  Status fail(const char* what) const {
    return status_from_errno(std::string(what) + " " + path_, errno);
  }

  const std::string path_;
  const int fd_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
    int flags = O_CLOEXEC;
    switch (how) {
      case Open::kExisting:
        flags |= O_RDWR;
        break;
      case Open::kCreateOrTruncate:
        flags |= O_RDWR | O_CREAT | O_TRUNC;
        break;
      case Open::kReadOnly:
        flags |= O_RDONLY;
        break;
    }
    const int fd = ::open(path.c_str(), flags, 0644);
    if (fd < 0) return status_from_errno("open " + path, errno);
    return std::unique_ptr<File>(std::make_unique<PosixFile>(path, fd));
  }

  Result<bool> exists(const std::string& path) override {
    if (::access(path.c_str(), F_OK) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return status_from_errno("access " + path, errno);
  }

  Result<FileStamp> stamp(const std::string& path) override {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return status_from_errno("stat " + path, errno);
    return FileStamp{info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size),
                     time_of(info.st_mtim), time_of(info.st_ctim)};
  }

  Result<Kind> kind(const std::string& path) override {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return Kind::kNothing;
      return status_from_errno("stat " + path, errno);
    }
    if (S_ISREG(info.st_mode)) return Kind::kFile;
    return S_ISDIR(info.st_mode) ? Kind::kDirectory : Kind::kOther;
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    DIR* stream = ::opendir(directory.c_str());
    if (stream == nullptr) return status_from_errno("open " + directory, errno);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(std::move(name));
    }
    const int error = errno;
    ::closedir(stream);
    if (error != 0) return status_from_errno("read " + directory, error);
    std::sort(names.begin(), names.end());
    return names;
  }

  Status make_directories(const std::string& path) override {
    for (std::size_t at = 1; at != std::string::npos;) {
      at = path.find('/', at + 1);
      const std::string prefix = path.substr(0, at);
      if (::mkdir(prefix.c_str(), 0755) != 0 && errno != EEXIST) {
        return status_from_errno("mkdir " + prefix, errno);
      }
    }
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return status_from_errno("stat " + path, errno);
    return S_ISDIR(info.st_mode) ? Status() : status_from_errno("mkdir " + path, ENOTDIR);
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) == 0) return {};
    return status_from_errno("rename " + from + " to " + to, errno);
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return status_from_errno("remove " + path, errno);
  }

  Status remove_all(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    return error ? status_from_errno("remove " + path, error.value()) : Status();
  }

  Status sync_directory(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return status_from_errno("open " + path, errno);
    const int result = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    return result == 0 ? Status() : status_from_errno("fsync " + path, error);
  }

  Result<std::uint64_t> free_bytes(const std::string& path) override {
    struct statvfs info{};
    if (::statvfs(path.c_str(), &info) != 0) return status_from_errno("statvfs " + path, errno);
    return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem instance;
  return instance;
}

}  // namespace rqlite
