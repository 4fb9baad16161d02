#pragma once

#include <deque>
#include <functional>
#include <string>

#include "base/executor.h"
#include "base/mutex.h"
#include "base/thread.h"

namespace rqlite {

// An Executor with a thread of its own. Stop: the destructor runs all that was posted, then joins.
class Worker final : public Executor {
 public:
  explicit Worker(std::string name);
  ~Worker() override;

  void post(std::function<void()> work) override EXCLUDES(mutex_);
  // Blocks until everything that was posted before has run.
  void finish() EXCLUDES(mutex_);

 private:
  void run() EXCLUDES(mutex_);
  // Blocks for work; an empty function means stop.
  std::function<void()> next() EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar changed_;  // work arrived, or stopping_ was set
  std::deque<std::function<void()>> waiting_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;

  Thread thread_;
};

}  // namespace rqlite
