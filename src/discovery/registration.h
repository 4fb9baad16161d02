#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/pause.h"
#include "base/random.h"
#include "base/status.h"
#include "discovery/disco_figures.h"
#include "discovery/key_value_store.h"
#include "discovery/leader_entry.h"

namespace rqlite::discovery {

// How a node without a cluster gets one by way of a key: it joins whoever the key names, or, if the
// key is not there and it may vote, founds a cluster alone, for others to join.
//
//   key                                   what the node does
//   absent                                claims it (a non-voter waits)
//   its own claim                         waits kConfirmTime and looks again; if it still is,
//                                         founds the cluster
//   a claim of its id, but of another     makes it its own claim: that directory is gone, or was
//   directory                             never more than a claim
//   a report of its own address           waits, and says so: it once led, and has lost its data.
//                                         Who has not may lead meanwhile, and will say so; to found
//                                         a cluster now might make a second one
//   any other                             joins through its address, for as long as it takes
//
// The wait before founding is what keeps a key that was deleted under a live cluster from becoming
// a second cluster: the leader looks at the key every LeaderReporter::kLookInterval, and writes it
// again.
//
// A node that died between its claim and the founding of the cluster meets its own claim when it
// starts again, and goes on from there; so does one whose claim was written but seemed to fail.
class Registration {
 public:
  static constexpr Nanos kLookTimeMin = std::chrono::seconds(3);  // between two looks, at random
  static constexpr Nanos kLookTimeMax = std::chrono::seconds(6);
  static constexpr Nanos kConfirmTime = std::chrono::seconds(3);
  static constexpr Nanos kRejoinTime = std::chrono::seconds(1);  // after a join that failed

  struct Self {
    std::string id;
    std::string api_url;       // "http://host:4001"
    std::string raft_address;  // that others can join
    std::string founder;       // not empty; this data directory's and no other's
    bool is_voter = true;
  };
  struct Means {
    KeyValueStore& store;
    Sleeper& sleeper;  // that nobody wakes
    DiscoFigures& figures;
    // Tries to join the cluster at this Raft address, and blocks until it is a member or has given
    // up, as it must when it is stopped.
    std::function<Status(const std::string& address)> join;
    // Founds a cluster of this node alone.
    std::function<Status()> found;
  };

  // What `means` refers to must outlive it.
  Registration(std::string key, Self self, Means means, Random random);

  // Blocks until this node is in a cluster: ok. kUnavailable: it was stopped. Any other error is
  // that of `found`, and the node cannot go on.
  Status run();

 private:
  enum class Step { kWait, kClaim, kTakeOver, kConfirm, kJoin };
  // What is to be done about what the key holds.
  [[nodiscard]] Step step_for(const std::optional<LeaderEntry>& entry) const;
  // Reads the key; says what went wrong.
  Result<std::optional<LeaderEntry>> look();

  enum class Outcome { kDone, kLookAgain, kStopped, kFailed };
  Outcome act(Step step, const LeaderEntry& entry);
  Outcome claim(Step step);
  Outcome confirm();
  Outcome join(const LeaderEntry& entry);
  Outcome wait(Nanos time);
  Outcome wait_for_next_look();
  // Says why a join may fail for ever, and what to do about it.
  void explain_failed_join(const LeaderEntry& entry, const Status& why);

  const std::string key_;
  const Self self_;
  const LeaderEntry own_claim_;
  const Means means_;
  Random random_;

  // Of the loop.
  Status failure_;
  LeaderEntry last_joined_;  // through which the last join was tried
  int failed_joins_ = 0;     // in a row through it
  bool has_explained_own_ = false;
};

}  // namespace rqlite::discovery
