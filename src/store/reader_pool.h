#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/thread.h"
#include "sqlite/connection.h"
#include "sqlite/statement_cache.h"

namespace rqlite::store {

// Read-only connections, which read beside each other and the writer, and threads that use them.
// There are as many of both as reads at the same time, up to a bound; what idles goes away.
//
// Threads: all methods from any. Stop: close().
class ReaderPool {
 public:
  struct Options {
    std::string path;  // of the main file
    bool foreign_keys = false;
    const char* base_vfs = nullptr;
    sqlite::Extensions extensions = {};
    std::size_t connections_max = 256;
    std::chrono::seconds idle_max{30};
  };

 private:
  struct Seat {
    std::unique_ptr<sqlite::Connection> connection;
    sqlite::StatementCache cache;      // goes before its connection
    std::int64_t schema_version = -1;  // older statements are not in the cache
    TimePoint used;
    std::uint64_t generation = 0;  // of the database file
  };

 public:
  // A connection and its statements, for one thread and for as long as it lives.
  class Reader {
   public:
    Reader(Reader&& other) noexcept : pool_(other.pool_), seat_(std::move(other.seat_)) {}
    Reader& operator=(Reader&&) = delete;
    ~Reader() {
      if (seat_) pool_->give_back(std::move(seat_));
    }
    [[nodiscard]] sqlite::Connection& connection() const { return *seat_->connection; }
    [[nodiscard]] sqlite::StatementCache& cache() const { return seat_->cache; }
    // What compiles from now on does so with the schema as it is now.
    void forget_stale_statements() const;
    // Set by close(): the read is to end.
    [[nodiscard]] const std::atomic<bool>& stopping() const { return pool_->stopping_; }

   private:
    friend class ReaderPool;
    Reader(ReaderPool* pool, std::unique_ptr<Seat> seat) : pool_(pool), seat_(std::move(seat)) {}
    ReaderPool* pool_;
    std::unique_ptr<Seat> seat_;
  };

  // A read: gets a reader, or why there is none.
  using Job = std::function<void(Result<Reader>)>;

  explicit ReaderPool(Options options) : options_(std::move(options)) {}
  ~ReaderPool() { close(); }
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;

  // A reader for a short read on the calling thread, if one is free now.
  std::optional<Reader> try_take() EXCLUDES(mutex_);

  // Runs `job` on a thread of the pool, as soon as there is one, and a connection.
  void submit(Job job) EXCLUDES(mutex_);

  // True: no connection is opened and none handed out, until it is told false, for another file
  // takes the main file's place. Reads that run see the old one to their end. Waits for connections
  // that are just being opened: with one file's pages and the other's WAL they would read nonsense.
  void keep_out(bool out) EXCLUDES(mutex_);

  struct Counts {
    std::size_t open;
    std::size_t in_use;
  };
  [[nodiscard]] Counts counts() EXCLUDES(mutex_);

  // Tells reads that run to end, fails those that wait and all that come, and joins. Once, by one
  // thread.
  void close() EXCLUDES(mutex_);

 private:
  using Threads = std::list<Thread>;

  // False: the system has no room for another one.
  bool start_thread() REQUIRES(mutex_);
  void run(Threads::iterator self) EXCLUDES(mutex_);
  // Waits for a job, and for a seat, which may have no connection yet. No job: this thread is to
  // end, and has been taken off the list.
  std::pair<Job, std::unique_ptr<Seat>> next(Threads::iterator self) EXCLUDES(mutex_);
  // Whether another connection may be in use.
  [[nodiscard]] bool has_seat() const REQUIRES(mutex_) {
    return !kept_out_ && (!free_.empty() || in_use_ < options_.connections_max);
  }
  // Precondition: has_seat().
  std::unique_ptr<Seat> take_seat() REQUIRES(mutex_);
  Status connect(Seat& seat) EXCLUDES(mutex_);
  void give_back(std::unique_ptr<Seat> seat) EXCLUDES(mutex_);
  // Those that nobody used for long, to be closed without the lock.
  std::vector<std::unique_ptr<Seat>> take_idle(TimePoint now) REQUIRES(mutex_);

  const Options options_;
  std::atomic<bool> stopping_{false};

  Mutex mutex_;
  CondVar changed_;  // jobs_, free_, in_use_, connecting_, ended_ or closed_ changed
  std::deque<Job> jobs_ GUARDED_BY(mutex_);
  std::deque<std::unique_ptr<Seat>> free_ GUARDED_BY(mutex_);  // the last used one at the back
  std::size_t in_use_ GUARDED_BY(mutex_) = 0;
  std::size_t connecting_ GUARDED_BY(mutex_) = 0;  // seats in use without a connection yet
  std::size_t idle_ GUARDED_BY(mutex_) = 0;        // threads
  bool closed_ GUARDED_BY(mutex_) = false;
  bool kept_out_ GUARDED_BY(mutex_) = false;
  std::uint64_t generation_ GUARDED_BY(mutex_) = 0;
  Threads threads_ GUARDED_BY(mutex_);
  Threads ended_ GUARDED_BY(mutex_);  // left their loop; to be joined
};

}  // namespace rqlite::store
