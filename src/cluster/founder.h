#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/slot_file.h"
#include "base/worker.h"
#include "cluster/founding_messages.h"
#include "cluster/founding_round.h"
#include "cluster/founding_vote.h"
#include "net/client.h"
#include "store/store.h"

namespace rqlite::cluster {

// This node's part in founding a cluster with others: keeps its vote on the disk, answers those who
// found one, and tries itself. founding_round.h says why there never come two of it.
//
// Threads: answer() from any; its answers come on "founding", which waits for the disk. round() on
// one thread. Failure: a vote that could not be written is not given.
class Founder {
 public:
  struct Options {
    NodeIdentity identity;
    std::string raft_address;
    bool wants_vote = true;
    std::uint64_t expect = 0;  // how many nodes found a cluster; 0: this one founds none
    // For each step of a round, for all who are asked.
    std::chrono::nanoseconds patience{std::chrono::seconds(2)};
  };

  // Reads the vote at `path`; there is none at first. All must outlive it.
  static Result<std::unique_ptr<Founder>> open(Options options, FileSystem& files, std::string path,
                                               net::Client& client);

  // Whether it is bound to found a cluster with certain others, or has done so.
  [[nodiscard]] bool is_bound() EXCLUDES(mutex_);
  // Of now on it answers. If it is known already that this node is a founder, it becomes one.
  void start(store::Store& store);
  // Runs what was asked before. The store stays until then.
  void stop();

  // Tells `then` the encoded answer to a request, or why there is none.
  void answer(FoundingRequest request, std::function<void(Result<Bytes>)> then);

  // Tries to found a cluster with those at `addresses`. After start().
  struct RoundOptions {
    net::HeaderFields login;  // that shows others that this node may join
    std::function<bool()> stop_is_wanted;
  };
  FoundingRound::Outcome round(const std::vector<std::string>& addresses,
                               const RoundOptions& options) EXCLUDES(mutex_);

 private:
  Founder(Options options, FileSystem& files, std::string path, net::Client& client)
      : options_(std::move(options)), files_(files), path_(std::move(path)), client_(client) {}

  // `begins`: whether this node asks, and so is the first to stand for election.
  Result<Bytes> answer_now(const FoundingRequest& request, bool begins) EXCLUDES(mutex_);
  FounderView view(const std::string& own_cluster) REQUIRES(mutex_);
  Result<FoundingVote::Answer> vote(const FoundingRequest& request, const std::string& own_cluster,
                                    FoundingVote& vote) REQUIRES(mutex_);
  // Makes it the vote, durably.
  Status keep(const FoundingVote& vote) REQUIRES(mutex_);
  // Becomes the member of the cluster that the vote says it is.
  void found(bool begins) REQUIRES(mutex_);
  std::vector<FoundingRound::Reply> ask(const std::vector<FoundingRound::Call>& calls,
                                        const RoundOptions& options);
  void say(const FoundingRound& round, const std::vector<std::string>& addresses);

  const Options options_;
  FileSystem& files_;
  const std::string path_;
  net::Client& client_;
  std::atomic<store::Store*> store_{nullptr};

  // Of the thread that calls round().
  int patience_ = 0;
  std::string said_;

  // Held while the vote is written: there is one, and who asks next has to see what was given.
  Mutex mutex_;
  std::optional<SlotFile> slot_ GUARDED_BY(mutex_);  // none until there is something to keep
  FoundingVote vote_ GUARDED_BY(mutex_){FoundingVote::State()};
  std::vector<std::string> addresses_ GUARDED_BY(mutex_);  // of the last round

  Worker worker_{"founding"};
};

}  // namespace rqlite::cluster
