#include "net/client_loop.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "base/check.h"

namespace rqlite::net {

ClientLoop::ClientLoop(std::string thread_name)
    : thread_(std::move(thread_name), [this] { io_.run(); }) {}

ClientLoop::~ClientLoop() {
  MutexLock lock(mutex_);
  CHECK(closed_);
}

bool ClientLoop::post(std::function<void()> work) {
  // Under the lock: what was accepted comes before what close() has run last.
  MutexLock lock(mutex_);
  if (closed_) return false;
  boost::asio::post(io_, std::move(work));
  return true;
}

void ClientLoop::close(std::function<void()> last) {
  {
    MutexLock lock(mutex_);
    CHECK(!closed_);
    closed_ = true;
    boost::asio::post(io_, [this, last = std::move(last)] {
      last();
      io_.stop();
    });
  }
  thread_.join();
}

}  // namespace rqlite::net
