#include "raft/spare_segment.h"

#include <utility>

#include "base/log.h"
#include "base/random.h"

namespace rqlite::raft {

SpareSegment::SpareSegment(FileSystem& files, Executor& executor, Options options)
    : files_(files), executor_(executor), options_(std::move(options)) {}

SpareSegment::~SpareSegment() { (void)wait(); }

void SpareSegment::prepare(std::uint64_t sequence) {
  {
    MutexLock lock(mutex_);
    if (making_ || spare_) return;
    making_ = true;
  }
  executor_.post([this, sequence] { make(sequence); });
}

void SpareSegment::make(std::uint64_t sequence) {
  std::string recycled;
  {
    MutexLock lock(mutex_);
    if (!recycled_.empty()) {
      recycled = std::move(recycled_.front());
      recycled_.pop_front();
    }
  }
  // Without the lock: nobody else touches the spare while making_ is set.
  Result<Segment> made = make_segment(files_, options_.directory, sequence, random_from_system(),
                                      options_.bytes, recycled);
  MutexLock lock(mutex_);
  if (made.ok()) {
    if (!failure_.ok()) log("raft", "the log has room again");
    failure_ = {};
    spare_ = std::move(*made);
  } else {
    if (failure_.ok()) log("raft", "cannot make a log segment: {}", made.error().text());
    failure_ = made.error();
  }
  making_ = false;
  changed_.notify_all();
}

void SpareSegment::adopt(Segment segment) {
  MutexLock lock(mutex_);
  spare_ = std::move(segment);
}

bool SpareSegment::is_refused() {
  MutexLock lock(mutex_);
  return !spare_ && !failure_.ok();
}

bool SpareSegment::wait() {
  MutexLock lock(mutex_);
  while (making_) changed_.wait(mutex_);
  return spare_.has_value();
}

Result<Segment> SpareSegment::take() {
  if (!wait()) {
    MutexLock lock(mutex_);
    return failure_.ok() ? Status(Code::kFailed, "no spare log segment was prepared") : failure_;
  }
  MutexLock lock(mutex_);
  Segment taken = std::move(*spare_);
  spare_.reset();
  return taken;
}

void SpareSegment::recycle(Segment segment) {
  segment.file.reset();
  std::string surplus = segment.path;
  {
    MutexLock lock(mutex_);
    if (segment.bytes == options_.bytes) {
      recycled_.push_back(segment.path);
      if (recycled_.size() <= options_.recycled_max) return;
      surplus = std::move(recycled_.front());
      recycled_.pop_front();
    }
  }
  // A file that stays only takes up room, and the next start removes it.
  if (Status removed = files_.remove(surplus); !removed.ok()) {
    log("raft", "cannot remove a released log segment: {}", removed.text());
  }
}

}  // namespace rqlite::raft
