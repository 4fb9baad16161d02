#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"
#include "cluster/counters.h"
#include "cluster/forwarder.h"
#include "command/command.h"
#include "net/client.h"
#include "net/message.h"
#include "store/origin_numbers.h"
#include "store/store.h"

namespace rqlite::cluster {

// Has the leader answer clients' requests, whoever that is meanwhile: one whose answer gets lost is
// sent again, to the next leader too, or answered by this node if that leads now. A write is
// applied once all the same, for the state machine knows its origin; a read does no harm. Only if
// no leader answers for some seconds does the client hear why.
//
// Threads: any. What is called back comes on the client's thread or one of the store's.
class Errands {
 public:
  using Leader = store::Store::Leader;
  using OnFailure = std::function<void(const Status&)>;

  // How others are reached.
  class Ways {
   public:
    virtual ~Ways() = default;
    [[nodiscard]] virtual std::optional<Leader> leader() = 0;
    // Passes the request on, a write with its origin. If that brings no answer for the client,
    // `failed` hears why, once, and nothing has gone to the client; what was given up counts as
    // failed.
    virtual net::CallHandle send(const Leader& to, const net::Request& request,
                                 const std::optional<command::Origin>& origin,
                                 Forwarder::Limits limits, std::shared_ptr<net::Reply> reply,
                                 OnFailure failed) = 0;
    // Runs `work` when `delay` is over, not on this stack. False: it never will, for the end has
    // come.
    virtual bool later(std::chrono::nanoseconds delay, std::function<void()> work) = 0;
  };

  struct Options {
    // After the first failure another leader is waited for so long, and looked for so often.
    std::chrono::nanoseconds patience{std::chrono::seconds(5)};
    std::chrono::nanoseconds pause{std::chrono::milliseconds(50)};
  };

  // All must outlive it.
  Errands(Ways& ways, store::OriginNumbers& numbers, Counters& counters, const Clock& clock,
          Options options)
      : ways_(ways), numbers_(numbers), counters_(counters), clock_(clock), options_(options) {}

  // Answers a request on this node, which leads now; on the connection's thread. `refused` hears
  // why nothing came of it, in place of the client. What may write has an origin.
  using Here = std::function<void(net::Request request, std::shared_ptr<net::Reply> reply,
                                  const std::optional<command::Origin>& origin, OnFailure refused)>;
  struct Errand {
    net::Request request;
    std::shared_ptr<net::Reply> reply;
    // What may write is sent with an origin. What only reads, or does nothing when it comes twice,
    // needs none, and is not tried again once it is `within` old: its client does not wait for
    // longer.
    bool may_write = true;
    // Whether it is sent again although nobody knows what became of it.
    bool may_repeat = true;
    std::chrono::nanoseconds within = std::chrono::nanoseconds::max();
    Forwarder::Limits limits;
    Here here;
    std::function<net::Response(const Status&)> on_failure;  // what the client hears
  };
  void run(Errand errand) EXCLUDES(mutex_);

  // Whether there is a leader, or was one a moment ago, so that the next may be waited for. A node
  // that has lost its cluster for longer had better say so at once.
  [[nodiscard]] bool expects_leader() EXCLUDES(mutex_);

  // Calls `then` once, at once or later: with true when there is a leader, with false when none is
  // expected any more.
  void await_leader(std::function<void(bool)> then) EXCLUDES(mutex_);

  // Another one may lead, or none: nobody waits any longer for the one before.
  void leader_changed() EXCLUDES(mutex_);

 private:
  class Running;

  // What was seen of the leader just now.
  void note(const std::optional<Leader>& leader, TimePoint now) REQUIRES(mutex_);
  void forget(std::uint64_t id) EXCLUDES(mutex_);
  // Tells all who await a leader, in order, that there is one.
  void release_awaiting() EXCLUDES(mutex_);

  Ways& ways_;
  store::OriginNumbers& numbers_;
  Counters& counters_;
  const Clock& clock_;
  const Options options_;

  Mutex mutex_;
  std::uint64_t next_id_ GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, std::function<void(bool)>> awaiting_ GUARDED_BY(mutex_);  // by id
  std::map<std::uint64_t, std::weak_ptr<Running>> running_ GUARDED_BY(mutex_);      // by id
  bool had_leader_ GUARDED_BY(mutex_) = false;           // when last looked
  std::optional<TimePoint> lost_at_ GUARDED_BY(mutex_);  // the last one
};

}  // namespace rqlite::cluster
