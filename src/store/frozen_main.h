#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "base/file_system.h"
#include "base/mutex.h"
#include "store/snapshot_record.h"

namespace rqlite::store {

// Whether somebody reads the main file and wants it to stay as it is. Shared by the snapshotter,
// which must not move anything into it then, and whoever reads; each may be gone before the other.
class MainFileHold {
 public:
  // `wake` is called on release, from whatever thread that is.
  explicit MainFileHold(std::function<void()> wake) : wake_(std::move(wake)) {}

  void take() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    held_ = true;
  }
  void release() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    held_ = false;
    if (wake_) wake_();
  }
  [[nodiscard]] bool held() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return held_;
  }
  // Nobody is woken any more, once it returns.
  void forget() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    wake_ = nullptr;
  }

 private:
  Mutex mutex_;
  std::function<void()> wake_ GUARDED_BY(mutex_);
  bool held_ GUARDED_BY(mutex_) = false;
};

// The database at one index, as the bytes of its main file, which stays as it is for as long as
// this lives, and so does what is kept of requests. Meanwhile writes go on, into SQLite's WAL and
// the log, which both grow. read() and record() are for any thread.
class FrozenMain {
 public:
  FrozenMain(std::shared_ptr<MainFileHold> hold, std::shared_ptr<File> file, SnapshotRecord record)
      : hold_(std::move(hold)), file_(std::move(file)), record_(std::move(record)) {
    hold_->take();
  }
  ~FrozenMain() { hold_->release(); }
  FrozenMain(const FrozenMain&) = delete;
  FrozenMain& operator=(const FrozenMain&) = delete;

  // As those of File.
  Result<std::size_t> read(std::uint64_t offset, char* to, std::size_t size) {
    return file_->read(offset, to, size);
  }
  Result<std::uint64_t> size() { return file_->size(); }
  [[nodiscard]] const SnapshotRecord& record() const { return record_; }

 private:
  const std::shared_ptr<MainFileHold> hold_;
  const std::shared_ptr<File> file_;
  const SnapshotRecord record_;
};

}  // namespace rqlite::store
