#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "raft/log.h"
#include "raft/types.h"

struct RaftBuilder;
struct RaftCore;

namespace rqlite::raft {

enum class Role : std::uint8_t { kFollower, kPreCandidate, kCandidate, kLeader };

enum class ChangeKind : std::uint8_t { kAddVoter, kRemove, kAddLearner };

// How much raft-rs says: lines of a higher level are not written.
enum class LogLevel : std::uint8_t { kError, kWarn, kInfo, kDebug };

// raft-rs, TiKV's consensus engine, as a single-threaded machine without I/O: messages, ticks and
// proposals go in; a Ready comes out that says what to send, persist and apply. The rules that
// its driver keeps are at the head of driver.h.
//
// Threads: one. Entries that are no longer in memory are read back through the log.
class Core {
 public:
  struct Options {
    RaftId id;
    std::uint64_t election_ticks = 10;  // a follower's timeout: one to two times as many
    std::uint64_t campaign_ticks = 10;  // a candidate's, likewise; not less than election_ticks
    // A leader that has not heard from a majority for so long, at most twice, is none any more. At
    // most election_ticks.
    std::uint64_t lease_ticks = 10;
    std::uint64_t heartbeat_ticks = 1;
    std::uint64_t timeout_seed = 0;             // of the election timeouts
    std::uint64_t message_bytes_max = 1 << 20;  // entries in one append message
    std::uint64_t inflight_messages_max = 256;  // appends to one peer without an answer
    std::uint64_t uncommitted_bytes_max = 256 << 20;
    std::uint64_t committed_bytes_per_ready_max = 4 << 20;
    std::uint64_t tail_bytes_max = 8 << 20;  // newest entries that stay in memory
    LogLevel log_level = LogLevel::kWarn;
  };

  // A core that does not run yet: takes in what the node has on disk, in the order in which it
  // is read.
  class Builder {
   public:
    Builder(const Options& options, const Snapshot& snapshot);
    ~Builder();
    Builder(const Builder&) = delete;
    Builder& operator=(const Builder&) = delete;

    // Entries behind the snapshot, in order; one that comes again replaces it and all behind it.
    void entry(const EntryView& entry);
    // Forgets the entries so far.
    void restart();
    // Consumes the builder. `log` must outlive the core.
    [[nodiscard]] std::unique_ptr<Core> start(const HardState& hard_state, Log& log);

   private:
    std::unique_ptr<Core> core_;
    RaftBuilder* builder_;
  };

  struct Outgoing {
    RaftId to;
    bool is_snapshot;  // the transport sends the content beside it and reports the outcome
    BytesView bytes;
  };
  struct ReadState {
    Index index;
    BytesView context;
  };

  // What is to be done. Views live until the next call of ready().
  struct Ready {
    std::uint64_t number = 0;
    bool must_sync = false;
    std::optional<HardState> hard_state;
    std::optional<Snapshot> snapshot;          // replaces the state machine and the log
    std::vector<EntryView> entries;            // to be persisted
    std::vector<EntryView> committed;          // to be applied
    std::vector<Outgoing> messages;            // to be sent at once
    std::vector<Outgoing> persisted_messages;  // to be sent once all of this is durable
    std::vector<ReadState> read_states;
  };

  struct Status {
    Term term;
    RaftId leader;  // 0 if unknown
    RaftId vote;
    Index commit;
    Index applied;
    Index first;
    Index last;
    Term last_term;
    Role role = Role::kFollower;
    bool transferring = false;
  };

  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  void tick();
  void campaign();

  // Entries that follow each other, at least one, in one message to each member. The index of the
  // first; nullopt if all were refused: not the leader, leadership is being handed over, or too
  // much is uncommitted.
  std::optional<Index> propose(const std::vector<BytesView>& data);
  // As propose(), for one. While another change is not applied yet, the index goes to an empty
  // entry of kind kNormal, and nothing changes.
  std::optional<Index> propose_change(ChangeKind kind, RaftId id, BytesView context);

  // False if the message does not parse or was refused.
  bool step(BytesView message);
  void read_index(BytesView context);
  void transfer(RaftId to);
  void report_unreachable(RaftId id);
  void report_snapshot(RaftId id, bool arrived);

  // Nullopt if there is nothing to do. What it returned must be handled and reported with
  // persisted() before the next call.
  std::optional<Ready> ready();
  void persisted(std::uint64_t ready_number);

  struct Change {
    Bytes conf_state;  // the members as of this entry
    Bytes context;     // what travelled with the proposal
  };
  // Precondition: `data` is that of a committed entry of kind kChange; each is applied once, in
  // order.
  Change apply_change(BytesView data);
  void applied(Index index);

  void set_snapshot(const Snapshot& snapshot);
  // Forgets entries up to `index`, as far as they are applied and the snapshot covers them.
  void compact(Index index);
  // Whether a follower needs a newer snapshot than there is; reading it resets it.
  bool take_snapshot_wanted();

  // Entries [low, high): at least one, then as many as fit. Views live until the next call of
  // entries().
  std::vector<EntryView> entries(Index low, Index high, std::uint64_t bytes_max);

  [[nodiscard]] Status status() const;
  // Of the entry at `index`; 0 if the log does not have it, or not any more.
  [[nodiscard]] Term term(Index index) const;
  // How far the log of `peer` is known to match, on the leader; 0 if there is no such peer.
  [[nodiscard]] Index matched(RaftId peer) const;

 private:
  Core() = default;

  RaftCore* core_ = nullptr;
  Log* log_ = nullptr;
};

}  // namespace rqlite::raft
