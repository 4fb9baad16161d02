#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "net/client.h"
#include "net/link.h"

namespace rqlite::net {

// Connections that wait for their next request, by address, and what there is to count about
// connections.
//
// Promises: what take() gives was alive a moment ago, and nothing had come over it.
// Bounds: so many for an address, each for so long; the newest is taken first, and the oldest goes
// first. Threads: that of `io`, which must outlive it; report() from any.
class ConnectionPool {
 public:
  struct Limits {
    std::size_t idle_max;  // for an address
    std::chrono::nanoseconds idle_time_max;
  };
  ConnectionPool(boost::asio::io_context& io, Limits limits);

  // A connection that is alive, or null. Closes those that it finds dead.
  std::unique_ptr<Link> take(const std::string& address);
  // Takes back one that can serve another request, with nothing read ahead.
  void keep(const std::string& address, std::unique_ptr<Link> link);
  // Closes all that wait.
  void clear();

  void count_dial(const std::string& address, bool succeeded);
  // A call does not want a kept one.
  void count_fresh(const std::string& address);
  // A step of a call took too long.
  void count_timeout(const std::string& address, bool sending);
  // One that was dialled does not come back.
  void count_end(const std::string& address);
  [[nodiscard]] std::vector<ClientReport> report() const EXCLUDES(mutex_);

 private:
  struct Idle {
    std::unique_ptr<Link> link;
    TimePoint since;
  };
  using Counts = std::map<std::string, ClientReport>;

  // Closes the one that has waited longest.
  void drop_oldest(const std::string& address, std::deque<Idle>& idle);
  static void close(std::unique_ptr<Link> link);
  // Closes those that have waited too long, when it is time.
  void sweep_later(TimePoint when);
  void sweep();
  template <typename Change>
  void count(const std::string& address, Change change) EXCLUDES(mutex_);

  const Limits limits_;
  std::map<std::string, std::deque<Idle>> idle_;  // of each, the oldest first; none is empty
  boost::asio::steady_timer sweep_;
  bool sweeping_ = false;

  mutable Mutex mutex_;
  Counts counts_ GUARDED_BY(mutex_);
};

}  // namespace rqlite::net
