#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <string>

#include "base/mutex.h"
#include "base/result.h"
#include "base/thread.h"
#include "sqlite/connection.h"
#include "sqlite/statement_cache.h"

namespace rqlite::store {

// Threads with a read-only connection each, which run reads beside each other and the writer.
// There are as many as reads at the same time, up to a bound; one that idles goes away.
//
// Stop: the destructor lets reads that run finish, fails those that wait, and joins.
class ReaderPool {
 public:
  struct Options {
    std::string path;  // of the main file
    bool foreign_keys = false;
    const char* base_vfs = nullptr;
    std::size_t connections_max = 256;
    std::chrono::seconds idle_max{30};
  };

  // A read: gets a connection and its statements, or why there is none.
  struct Reader {
    sqlite::Connection& connection;
    sqlite::StatementCache& cache;
  };
  using Job = std::function<void(Result<Reader>)>;

  explicit ReaderPool(Options options) : options_(std::move(options)) {}
  ~ReaderPool();
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;

  // Runs `job` on a thread of the pool, as soon as one is free.
  void submit(Job job) EXCLUDES(mutex_);

  struct Counts {
    std::size_t open;
    std::size_t in_use;
  };
  [[nodiscard]] Counts counts() EXCLUDES(mutex_);

 private:
  using Threads = std::list<Thread>;

  void run(Threads::iterator self) EXCLUDES(mutex_);
  // Waits for a job. An empty one: this thread is to end, and has been taken off the list.
  Job next(Threads::iterator self) EXCLUDES(mutex_);

  const Options options_;

  Mutex mutex_;
  CondVar changed_;  // jobs_ or stopping_ changed
  std::deque<Job> jobs_ GUARDED_BY(mutex_);
  std::size_t idle_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  Threads threads_ GUARDED_BY(mutex_);
  Threads ended_ GUARDED_BY(mutex_);  // left their loop; to be joined
};

}  // namespace rqlite::store
