#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "net/client.h"
#include "net/message.h"

namespace rqlite::cluster {

// "/path?query" of a request, as it may stand in another one.
std::string target_of(const net::Request& request);

// Passes a client's request on to another node as it is, and that one's answer back: the other one
// looks at the client's login too. Large answers go through while they come.
//
// Threads: any.
class Forwarder {
 public:
  // Both must outlive it.
  Forwarder(net::Client& client, const Clock& clock) : client_(client), clock_(clock) {}

  struct Target {
    std::string address;        // the other node's, between nodes
    net::HeaderFields headers;  // besides those of the client's request
  };
  struct Limits {
    // Of each step, and of connecting. What is sent again has only what is left of it.
    std::chrono::nanoseconds timeout{std::chrono::seconds(30)};
    // When it is so old, it is not sent again.
    std::chrono::nanoseconds within = std::chrono::nanoseconds::max();
    // So often, over kept connections and then once over a new one; only where that cannot do
    // anything twice.
    int attempts = 1;
    bool may_repeat = false;
    // Called whenever it is sent once more, with what OnFailure would have heard.
    std::function<void(const Status&)> on_again = nullptr;
    // Whether the one that asks knows of a copy that may have been done: a later one's answer
    // counts then only if it is one to that copy too. Another one is a failure, kUnavailable.
    std::function<bool()> is_in_doubt = nullptr;
    // Gives the body, if the request does not hold it. Sent over a new connection, and not again.
    std::shared_ptr<net::BodySource> body = nullptr;
  };
  // Hears, once, why the client has no answer: kUnknown, the other node may have all of the
  // request, and did not answer; kUnavailable, it has not; or what it answered, if that was a
  // failure between nodes.
  using OnFailure = std::function<void(const Status&)>;
  net::CallHandle forward(const Target& target, const net::Request& request, Limits limits,
                          std::shared_ptr<net::Reply> reply, OnFailure on_failure);

 private:
  net::Client& client_;
  const Clock& clock_;
};

}  // namespace rqlite::cluster
