#include "cluster/jobs.h"

#include <utility>

namespace rqlite::cluster {

void Jobs::post(std::function<void()> run, std::function<void()> refuse) {
  {
    MutexLock lock(mutex_);
    if (!closed_) {
      jobs_.push_back({std::move(run), std::move(refuse)});
      refuse = nullptr;
    }
  }
  if (refuse) return refuse();
  pause_->change([] {});
}

std::function<void()> Jobs::next(TimePoint deadline) {
  const auto is_there = [this] {
    MutexLock lock(mutex_);
    return !jobs_.empty();
  };
  if (!pause_->wait(is_there, deadline)) return {};
  MutexLock lock(mutex_);
  if (closed_) return {};
  std::function<void()> job = std::move(jobs_.front().run);
  jobs_.pop_front();
  return job;
}

void Jobs::close() {
  {
    MutexLock lock(mutex_);
    closed_ = true;
  }
  pause_->stop();
}

void Jobs::refuse_all() {
  std::deque<Job> left;
  {
    MutexLock lock(mutex_);
    left = std::exchange(jobs_, {});
  }
  for (const Job& each : left) each.refuse();
}

}  // namespace rqlite::cluster
