#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/pause.h"
#include "cluster/peer_protocol.h"
#include "net/client.h"

namespace rqlite::cluster {

// Asks members of a cluster to let this node in, until one does. Blocks; one thread, but for
// stop().
class Joiner {
 public:
  struct Options {
    int attempts = 5;                                            // rounds, each over all addresses
    std::chrono::nanoseconds interval{std::chrono::seconds(3)};  // between rounds
    std::chrono::nanoseconds timeout{std::chrono::seconds(5)};   // of a step of a request
    // Of a request as a whole, with looking up and connecting.
    std::chrono::nanoseconds patience{std::chrono::hours(1)};
    net::HeaderFields login = {};  // what shows who asks; empty: nobody in particular
    bool is_named = false;         // whether the login says who
    std::function<bool()> stop_is_wanted = [] { return false; };
    // Whether this node takes part in its cluster as it is: then it needs nobody who lets it in.
    std::function<bool()> takes_part = [] { return false; };
    // Told the id of the cluster of whoever answers, and whether that one lets this node in.
    std::function<void(const std::string& cluster_id, bool lets_in)> heard_of =
        [](const std::string&, bool) {};
  };
  // What is asked; made anew for each try, for it may change meanwhile.
  using MakeRequest = std::function<JoinRequest()>;

  // `client` and `sleeper` must outlive it. Whoever wants it to stop at once wakes the sleeper.
  Joiner(net::Client& client, Sleeper& sleeper, Options options, MakeRequest make_request)
      : client_(client),
        sleeper_(sleeper),
        options_(std::move(options)),
        make_request_(std::move(make_request)) {}

  struct Result {
    enum class Outcome { kJoined, kFailed, kRemoved, kStopped } outcome = Outcome::kFailed;
    std::string address;  // that was asked first
    std::string text;     // why not
  };
  // All rounds. Writes what becomes of each to the log. A node that takes part already has joined
  // as soon as an address fails: those it was told may be of members that are gone.
  Result join(const std::vector<std::string>& addresses);
  // One round.
  Result join_once(const std::vector<std::string>& addresses);
  // One address, and those that it names as the leader's. Waits until this node has caught up.
  Result ask(const std::string& address);

 private:
  // False: stopped.
  [[nodiscard]] bool pause(Nanos time);

  net::Client& client_;
  Sleeper& sleeper_;
  const Options options_;
  const MakeRequest make_request_;
};

}  // namespace rqlite::cluster
