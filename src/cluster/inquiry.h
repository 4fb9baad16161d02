#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "cluster/peer_protocol.h"
#include "net/client.h"

namespace rqlite::cluster {

// A node that wants to join, and what was found out about it: who answers where. Of one thread; the
// answers come on others.
class Inquiry {
 public:
  explicit Inquiry(JoinRequest request) : request_(std::move(request)) {}

  [[nodiscard]] const JoinRequest& request() const { return request_; }

  // Who answered at `address`, or why nobody did. Null: nobody was asked, or longer ago than
  // `since`; ask() will.
  const Result<NodeIdentity>* who_is_at(const std::string& address, TimePoint since = {})
      EXCLUDES(mutex_);

  // Asks all those at the same time, and calls `then` on the client's thread, once, when each has
  // answered or had its `timeout`: who_is_at() is not called until then. `clock` must outlive the
  // client.
  static void ask(const std::shared_ptr<Inquiry>& inquiry, net::Client& client, const Clock& clock,
                  std::chrono::nanoseconds timeout, std::function<void()> then);

 private:
  struct Found {
    Result<NodeIdentity> who;
    TimePoint at;
  };

  // Whether it is the last answer.
  bool take(const std::string& address, Result<NodeIdentity> who, TimePoint at) EXCLUDES(mutex_);

  const JoinRequest request_;
  std::set<std::string> wanted_;  // those who are to be asked

  Mutex mutex_;
  std::map<std::string, Found> found_ GUARDED_BY(mutex_);
  std::size_t unanswered_ GUARDED_BY(mutex_) = 0;
};

}  // namespace rqlite::cluster
