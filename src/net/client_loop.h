#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>

#include "base/mutex.h"
#include "base/thread.h"

namespace rqlite::net {

// The client's thread, and the way there for whoever may outlive it.
class ClientLoop {
 public:
  explicit ClientLoop(std::string thread_name);
  // Precondition: close() was called.
  ~ClientLoop();
  ClientLoop(const ClientLoop&) = delete;
  ClientLoop& operator=(const ClientLoop&) = delete;

  [[nodiscard]] boost::asio::io_context& io() { return io_; }
  [[nodiscard]] bool is_this_thread() { return io_.get_executor().running_in_this_thread(); }
  // Runs `work` on the thread, after what waits for it already. False: it never will, for it has
  // been closed.
  bool post(std::function<void()> work) EXCLUDES(mutex_);
  // Runs `last` on the thread, and waits for its end. Once.
  void close(std::function<void()> last) EXCLUDES(mutex_);

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  Mutex mutex_;
  bool closed_ GUARDED_BY(mutex_) = false;
  Thread thread_;
};

}  // namespace rqlite::net
