#include "base/worker.h"

#include <future>
#include <memory>
#include <utility>

namespace rqlite {

Worker::Worker(std::string name) : thread_(std::move(name), [this] { run(); }) {}

Worker::~Worker() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Worker::post(std::function<void()> work) {
  {
    MutexLock lock(mutex_);
    waiting_.push_back(std::move(work));
  }
  changed_.notify_one();
}

void Worker::finish() {
  // Shared: whoever waits may go on before set_value() has returned.
  const auto done = std::make_shared<std::promise<void>>();
  post([done] { done->set_value(); });
  done->get_future().wait();
}

void Worker::run() {
  while (std::function<void()> work = next()) work();
}

std::function<void()> Worker::next() {
  MutexLock lock(mutex_);
  while (waiting_.empty() && !stopping_) changed_.wait(mutex_);
  if (waiting_.empty()) return {};
  std::function<void()> work = std::move(waiting_.front());
  waiting_.pop_front();
  return work;
}

}  // namespace rqlite
