#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/pause.h"
#include "base/random.h"
#include "base/result.h"
#include "cluster/joiner.h"

namespace rqlite::cluster {

// Gets a node into a cluster whose nodes are started together, in any order: joins those that there
// are, or founds it with them. The same for the first start, for a restart and for one node more.
//
// Blocks; no thread, clock or socket of its own.
class BootLoop {
 public:
  struct Options {
    Nanos timeout{std::chrono::seconds(120)};  // looked at between two passes
    Nanos wait_min{std::chrono::seconds(1)};   // between two passes, at random
    Nanos wait_max{std::chrono::seconds(2)};
    bool wants_vote = true;
  };
  struct Means {
    // Whether this node is in a cluster whose leader it knows.
    std::function<bool()> is_done;
    std::function<Result<std::vector<std::string>>()> find_addresses;
    // One round over all of them.
    std::function<Joiner::Result(const std::vector<std::string>&)> join;
    // Tries to found a cluster with them; null: this node does not.
    std::function<void(const std::vector<std::string>&)> found;
    Sleeper& sleeper;
    const Clock& clock;
  };

  // What `means` refers to must outlive it.
  BootLoop(Options options, Means means, Random random)
      : options_(options), means_(std::move(means)), random_(random) {}

  // Ok: this node is a member. kUnavailable: it was stopped, or that took too long; kInvalid: it
  // may not be a member of that cluster any more. With the text for people.
  Status run();

 private:
  enum class Pass { kDone, kAgain, kRemoved };
  Pass pass();
  [[nodiscard]] Nanos wait_time();

  const Options options_;
  const Means means_;
  Random random_;
  std::string why_removed_;
};

}  // namespace rqlite::cluster
