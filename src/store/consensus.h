#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/file_system.h"
#include "base/result.h"
#include "raft/driver.h"
#include "raft/driver_thread.h"
#include "raft/segment_log.h"
#include "store/snapshot_record.h"

namespace rqlite::store {

// This node's part in its cluster's agreement: the log, the core and the thread that drives them.
//
// Threads: all methods from any thread, but close(). Callbacks come on the Raft thread.
class Consensus {
 public:
  struct Options {
    raft::RaftId id;
    std::string log_directory;
    std::uint64_t log_segment_bytes = 16 << 20;
    // How long a follower hears nothing before it stands for election, and a candidate before it
    // tries again: once to twice as long. The second is not less than the first.
    std::chrono::nanoseconds heartbeat_timeout{std::chrono::seconds(1)};
    std::chrono::nanoseconds election_timeout{std::chrono::seconds(1)};
    // A leader that hears from no majority for so long, at most twice, steps down. Not more than
    // heartbeat_timeout.
    std::chrono::nanoseconds lease_timeout{std::chrono::milliseconds(500)};
    // How long it may take, at most twice, until followers know that an entry is committed. They
    // are told at once, and with each heartbeat in case that got lost.
    std::chrono::nanoseconds commit_timeout{std::chrono::milliseconds(50)};
    // How long a proposal may wait for the Raft thread, which the disk may hold up; 0: no limit.
    std::chrono::nanoseconds apply_timeout{std::chrono::seconds(10)};
    raft::LogLevel log_level = raft::LogLevel::kWarn;
    raft::Driver::Retention retention;
    std::function<void(const Status&)> on_failure;
    // This leader's disk is full, and it asks another member to lead.
    std::function<void(raft::RaftId)> on_handover;
    // This node leads, and for half a minute no majority has stored what it sends; or does again.
    std::function<void(bool is_stuck)> on_stuck;
  };

  // Opens the log behind the snapshot of `record` and hands what it holds to `machine`. All must
  // outlive it.
  static Result<std::unique_ptr<Consensus>> start(Options options, FileSystem& files,
                                                  Executor& helper, raft::Transport& transport,
                                                  raft::StateMachine& machine,
                                                  const SnapshotRecord& record);
  Consensus(const Consensus&) = delete;
  Consensus& operator=(const Consensus&) = delete;

  void propose(std::unique_ptr<raft::Proposal> proposal) { thread_->propose(std::move(proposal)); }
  // Fails what has waited for longer than apply_timeout; to be called now and then.
  void expire_proposals() { thread_->expire(std::chrono::steady_clock::now()); }
  void propose_change(raft::ChangeKind kind, raft::RaftId id, Bytes context,
                      std::unique_ptr<raft::Proposal> proposal);
  void read(std::vector<std::unique_ptr<raft::Read>> reads) { thread_->read(std::move(reads)); }
  void applied(raft::Index index) { thread_->applied(index); }
  // With other members, `trailing` entries before it stay for those that lack a few.
  void snapshot_taken(const SnapshotRecord& record, std::uint64_t trailing);
  void campaign();
  // Hands leadership to `to`, which takes up to an election timeout or fails.
  void transfer(raft::RaftId to);

  // Takes in what `make` makes, which is called on the Raft thread with the term that the core is
  // in, acts on it before anything else, and calls `then`. Once stopped, it only calls `then`.
  using MakeMessage = std::function<Bytes(raft::Term)>;
  void step_now(MakeMessage make, std::function<void()> then);

  // From other members, and of what became of messages to them.
  void deliver(Bytes message) { thread_->deliver(std::move(message)); }
  void report_unreachable(raft::RaftId id);
  void report_snapshot(raft::RaftId id, bool arrived);
  // `member` is sent a snapshot at `index`.
  void keep_log_after(raft::RaftId member, raft::Index index);

  // As of the last round.
  [[nodiscard]] raft::Core::Status status() const { return thread_->status(); }
  [[nodiscard]] bool can_write() const { return thread_->can_write(); }
  [[nodiscard]] bool is_stuck() const { return thread_->is_stuck(); }
  // How far the logs of others match, by their ids, as far as this leader knows; 0: nothing is
  // known.
  using Matches = std::vector<std::pair<raft::RaftId, raft::Index>>;
  void matches(std::vector<raft::RaftId> members, std::function<void(const Matches&)> then);

  // Fails what waits and takes nothing in any more.
  void stop() { thread_->stop(); }
  // Closes the log. After stop(); whoever still asks is refused.
  void close();

 private:
  explicit Consensus(Options options) : options_(std::move(options)) {}

  const Options options_;
  std::unique_ptr<raft::SegmentLog> log_;
  std::unique_ptr<raft::Core> core_;
  std::unique_ptr<raft::Driver> driver_;
  std::unique_ptr<raft::DriverThread> thread_;
};

}  // namespace rqlite::store
