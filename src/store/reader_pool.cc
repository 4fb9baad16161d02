#include "store/reader_pool.h"

#include <memory>
#include <optional>
#include <utility>

namespace rqlite::store {

ReaderPool::~ReaderPool() {
  std::deque<Job> waiting;
  Threads all;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    waiting = std::exchange(jobs_, {});
    all.splice(all.end(), ended_);
  }
  changed_.notify_all();
  for (const Job& job : waiting) job(Status(Code::kUnavailable, "store not open"));
  all.clear();  // joins
  while (true) {
    Threads running;
    {
      MutexLock lock(mutex_);
      // A thread moves itself here as the last thing it does.
      while (ended_.empty() && !threads_.empty()) changed_.wait(mutex_);
      if (ended_.empty()) return;
      running.splice(running.end(), ended_);
    }
  }
}

void ReaderPool::submit(Job job) {
  Threads ended;
  bool refused = false;
  {
    MutexLock lock(mutex_);
    if (stopping_) {
      refused = true;
    } else {
      jobs_.push_back(std::move(job));
      const bool enough = idle_ >= jobs_.size() || threads_.size() >= options_.connections_max;
      if (!enough) {
        const auto self = threads_.emplace(threads_.end());
        *self = Thread("reader", [this, self] { run(self); });
      }
      ended.splice(ended.end(), ended_);
    }
  }
  if (refused) return job(Status(Code::kUnavailable, "store not open"));
  changed_.notify_one();
}

ReaderPool::Counts ReaderPool::counts() {
  MutexLock lock(mutex_);
  return {threads_.size(), threads_.size() - idle_};
}

void ReaderPool::run(Threads::iterator self) {
  std::unique_ptr<sqlite::Connection> connection;
  std::optional<sqlite::StatementCache> cache;
  while (Job job = next(self)) {
    if (!connection) {
      auto opened =
          sqlite::Connection::open_reader(options_.path, options_.foreign_keys, options_.base_vfs);
      if (!opened.ok()) {
        job(opened.error());
        continue;
      }
      connection = std::move(*opened);
      cache.emplace();
    }
    job(Reader{*connection, *cache});
    // A setting that a read made lasts no longer than the read.
    if (connection->take_session_changed()) {
      cache.reset();
      connection.reset();
    }
  }
}

ReaderPool::Job ReaderPool::next(Threads::iterator self) {
  const auto give_up = std::chrono::steady_clock::now() + options_.idle_max;
  MutexLock lock(mutex_);
  idle_++;
  while (jobs_.empty() && !stopping_ && std::chrono::steady_clock::now() < give_up) {
    changed_.wait_until(mutex_, give_up);
  }
  idle_--;
  if (jobs_.empty()) {
    ended_.splice(ended_.end(), threads_, self);
    changed_.notify_all();
    return {};
  }
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

}  // namespace rqlite::store
