#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"
#include "cluster/forwarder.h"
#include "command/command.h"
#include "net/client.h"
#include "net/message.h"
#include "store/origin_numbers.h"
#include "store/store.h"

namespace rqlite::cluster {

// Has the leader answer clients' writes, whoever that is meanwhile: a write whose answer gets lost
// is sent again, to the next leader too, and is applied once all the same, for the state machine
// knows its origin. Only if no leader answers for some seconds does the client hear that nobody
// knows what became of it.
//
// Threads: any. What is called back comes on the client's thread or one of the store's.
class WriteForwarder {
 public:
  using Leader = store::Store::Leader;
  using OnFailure = std::function<void(const Status&)>;

  // How others are reached.
  class Ways {
   public:
    virtual ~Ways() = default;
    [[nodiscard]] virtual std::optional<Leader> leader() = 0;
    // Passes the request on. If that brings no answer for the client, `failed` hears why, once;
    // what was given up counts as failed.
    virtual net::CallHandle send(const Leader& to, const net::Request& request,
                                 const command::Origin& origin, Forwarder::Limits limits,
                                 std::shared_ptr<net::Reply> reply, OnFailure failed) = 0;
    // Runs `work` when `delay` is over, not on this stack. False: it never will, for the end has
    // come.
    virtual bool later(std::chrono::nanoseconds delay, std::function<void()> work) = 0;
  };

  struct Options {
    // After the first failure another leader is waited for so long, and looked for so often.
    std::chrono::nanoseconds patience{std::chrono::seconds(5)};
    std::chrono::nanoseconds pause{std::chrono::milliseconds(50)};
  };

  WriteForwarder(Ways& ways, store::OriginNumbers& numbers, const Clock& clock, Options options)
      : ways_(ways), numbers_(numbers), clock_(clock), options_(options) {}

  // Answers a request on this node, which leads now; on the connection's thread. `refused` hears
  // why nothing came of it, in place of the client.
  using Here = std::function<void(net::Request request, std::shared_ptr<net::Reply> reply,
                                  const command::Origin& origin, OnFailure refused)>;
  struct Errand {
    net::Request request;
    std::shared_ptr<net::Reply> reply;
    Forwarder::Limits limits;
    Here here;
    std::function<net::Response(const Status&)> on_failure;  // what the client hears
  };
  void forward(Errand errand) EXCLUDES(mutex_);

  // Another one may lead: nobody waits any longer for the one before.
  void leader_changed() EXCLUDES(mutex_);

 private:
  class Sending;

  void forget(std::uint64_t number) EXCLUDES(mutex_);

  Ways& ways_;
  store::OriginNumbers& numbers_;
  const Clock& clock_;
  const Options options_;

  Mutex mutex_;
  std::map<std::uint64_t, std::weak_ptr<Sending>> sent_ GUARDED_BY(mutex_);  // by number
};

}  // namespace rqlite::cluster
