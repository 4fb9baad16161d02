#include "store/reader_pool.h"

namespace rqlite::store {
namespace {

Status closed() { return {Code::kUnavailable, "store not open"}; }

}  // namespace

void ReaderPool::close() {
  std::deque<Job> waiting;
  Threads all;
  stopping_ = true;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    waiting = std::exchange(jobs_, {});
    all.splice(all.end(), ended_);
  }
  changed_.notify_all();
  for (const Job& job : waiting) job(closed());
  all.clear();  // joins
  while (true) {
    Threads ended;
    std::deque<std::unique_ptr<Seat>> unused;
    {
      MutexLock lock(mutex_);
      // A thread moves itself here as the last thing it does.
      while (ended_.empty() && (!threads_.empty() || in_use_ > 0)) changed_.wait(mutex_);
      unused = std::exchange(free_, {});
      if (ended_.empty()) return;
      ended.splice(ended.end(), ended_);
    }
  }
}

void ReaderPool::Reader::forget_stale_statements() const {
  const std::int64_t version = connection().schema_version();
  if (version == seat_->schema_version && version >= 0) return;
  // The connection itself would compile by what it remembers.
  cache().forget_prepared();
  const bool refreshed = connection().refresh_schema().ok();
  seat_->schema_version = refreshed ? version : -1;
}

std::optional<ReaderPool::Reader> ReaderPool::try_take() {
  std::unique_ptr<Seat> seat;
  {
    MutexLock lock(mutex_);
    if (closed_ || !has_seat()) return std::nullopt;
    seat = take_seat();
  }
  if (!connect(*seat).ok()) {
    give_back(std::move(seat));
    return std::nullopt;
  }
  return Reader(this, std::move(seat));
}

void ReaderPool::submit(Job job) {
  Threads ended;
  Status refused;
  {
    MutexLock lock(mutex_);
    if (closed_) {
      refused = closed();
    } else {
      const bool enough = idle_ > jobs_.size() || threads_.size() >= options_.connections_max;
      // Where there is no room for another thread, those that there are take what waits in turn.
      if (enough || start_thread() || !threads_.empty()) {
        jobs_.push_back(std::move(job));
      } else {
        refused = {Code::kUnavailable, "no thread can be started to read"};
      }
      ended.splice(ended.end(), ended_);
    }
  }
  if (!refused.ok()) return job(refused);
  changed_.notify_one();
}

bool ReaderPool::start_thread() {
  const auto self = threads_.emplace(threads_.end());
  std::optional<Thread> started = Thread::try_start("reader", [this, self] { run(self); });
  if (started) {
    *self = *std::move(started);
  } else {
    threads_.erase(self);
  }
  return started.has_value();
}

void ReaderPool::keep_out(bool out) {
  std::deque<std::unique_ptr<Seat>> of_old_file;
  {
    MutexLock lock(mutex_);
    kept_out_ = out;
    generation_++;
    of_old_file.swap(free_);
    while (out && connecting_ > 0) changed_.wait(mutex_);
  }
  changed_.notify_all();
}

ReaderPool::Counts ReaderPool::counts() {
  MutexLock lock(mutex_);
  return {free_.size() + in_use_, in_use_};
}

void ReaderPool::run(Threads::iterator self) {
  while (true) {
    auto [job, seat] = next(self);
    if (!job) return;
    if (Status status = connect(*seat); !status.ok()) {
      give_back(std::move(seat));
      job(status);
      continue;
    }
    job(Reader(this, std::move(seat)));
  }
}

std::pair<ReaderPool::Job, std::unique_ptr<ReaderPool::Seat>> ReaderPool::next(
    Threads::iterator self) {
  const TimePoint give_up = std::chrono::steady_clock::now() + options_.idle_max;
  std::vector<std::unique_ptr<Seat>> unused;
  MutexLock lock(mutex_);
  idle_++;
  while (true) {
    if (!jobs_.empty()) {
      if (has_seat()) break;
      changed_.wait(mutex_);
    } else {
      if (closed_ || std::chrono::steady_clock::now() >= give_up) break;
      changed_.wait_until(mutex_, give_up);
    }
  }
  idle_--;
  if (jobs_.empty()) {
    unused = take_idle(std::chrono::steady_clock::now());
    ended_.splice(ended_.end(), threads_, self);
    changed_.notify_all();
    return {};
  }
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  return {std::move(job), take_seat()};
}

std::unique_ptr<ReaderPool::Seat> ReaderPool::take_seat() {
  in_use_++;
  if (free_.empty()) {
    auto seat = std::make_unique<Seat>();
    seat->generation = generation_;
    connecting_++;
    return seat;
  }
  std::unique_ptr<Seat> seat = std::move(free_.back());
  free_.pop_back();
  return seat;
}

Status ReaderPool::connect(Seat& seat) {
  if (seat.connection) return {};
  auto opened = sqlite::Connection::open_reader(options_.path, options_.foreign_keys,
                                                options_.base_vfs, options_.extensions);
  {
    MutexLock lock(mutex_);
    connecting_--;
    if (kept_out_) changed_.notify_all();
  }
  if (!opened.ok()) return opened.error();
  seat.connection = std::move(*opened);
  return {};
}

void ReaderPool::give_back(std::unique_ptr<Seat> seat) {
  // A setting that a read made lasts no longer than the read.
  if (seat->connection && seat->connection->take_session_changed()) {
    seat->cache.clear();
    seat->connection.reset();
  }
  const TimePoint now = std::chrono::steady_clock::now();
  seat->used = now;
  std::vector<std::unique_ptr<Seat>> unused;
  bool awaited = false;
  {
    MutexLock lock(mutex_);
    in_use_--;
    // Even if closed: close() takes it from there, and only then returns.
    if (seat->connection && seat->generation == generation_) free_.push_back(std::move(seat));
    unused = take_idle(now);
    awaited = closed_ || !jobs_.empty();
  }
  if (awaited) changed_.notify_all();
}

std::vector<std::unique_ptr<ReaderPool::Seat>> ReaderPool::take_idle(TimePoint now) {
  std::vector<std::unique_ptr<Seat>> idle;
  while (!free_.empty() && now - free_.front()->used >= options_.idle_max) {
    idle.push_back(std::move(free_.front()));
    free_.pop_front();
  }
  return idle;
}

}  // namespace rqlite::store
