#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/result.h"
#include "raft/core.h"
#include "raft/handover.h"
#include "raft/log.h"
#include "raft/members.h"
#include "raft/proposal.h"
#include "raft/read_rounds.h"
#include "raft/state_machine.h"
#include "raft/transport.h"

namespace rqlite::raft {

// Drives one member's consensus core: takes in what happened, then runs rounds that write, send
// and hand out what the core wants.
//
// The core's rules, each kept in one place below:
//  - messages of a Ready leave at once, its persisted messages only after its entries and hard
//    state are durable: handle()
//  - the entries of a Ready are durable before the core hears so: handle()
//  - the commit index is durable with any entry that follows it: persist()
//  - what is released from the log is applied and covered by a snapshot: snapshot_taken()
//  - a change of members takes effect as its entry is handed out, in order: take_committed()
//  - a member that applies its own removal stops at once: take_committed(), handle()
//  - a snapshot's outcome is always reported: Transport's contract
//
// Threads: one. No clock, no thread, no lock: a whole cluster runs in one thread of a test.
// Failure: the first storage error ends it, as does proof that data was set back (rollback.h);
// round() returns it then and ever after.
class Driver {
 public:
  struct Options {
    RaftId id;
    std::size_t round_bytes_max = 8 << 20;       // entries that share one sync
    std::size_t message_bytes_max = 1 << 20;     // entries that are proposed together
    std::size_t unapplied_bytes_max = 32 << 20;  // handed to the state machine, not yet applied
    // A leader whose disk is full asks each other member once in so long to lead instead.
    std::uint64_t handover_pause_ticks = 100;
    std::function<void(RaftId)> on_handover = nullptr;  // whom it asks
    // A leader that is heard by a majority, of which nobody stores its entries for so long, lets
    // nobody wait for that any more, and takes no writes until they do; 0: it has all patience.
    std::uint64_t patience_ticks = 0;
    std::function<void(bool is_stuck)> on_stuck = nullptr;  // when that begins, and ends
  };

  // `core` has just started. All must outlive the driver.
  Driver(const Options& options, Core& core, Log& log, Transport& transport, StateMachine& machine,
         Bytes conf_state);
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // Each of these takes in one event; round() then acts on all of them.
  void propose(std::unique_ptr<Proposal> proposal);
  void propose_change(ChangeKind kind, RaftId id, BytesView context,
                      std::unique_ptr<Proposal> proposal);
  void read(std::unique_ptr<Read> read);
  void step(BytesView message);
  void tick();
  void campaign();
  void transfer(RaftId to);
  void report_unreachable(RaftId id);
  void report_snapshot(RaftId id, bool arrived);
  // The state machine has applied everything up to `index`.
  void applied(Index index);
  // What stays in the log for members that are behind, although a snapshot covers it: so many
  // entries in any case, and what members that this leader serves still need; but of all that, no
  // more than so many bytes. A member that is alone keeps nothing.
  struct Retention {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 512 << 20;
  };
  [[nodiscard]] Index releasable(Index snapshot, const Retention& retention) const;
  // `member` is sent a snapshot at `index`, and goes on from there.
  void keep_after(RaftId member, Index index);

  // The state machine's content at `snapshot` is durable; entries up to `release` may go.
  void snapshot_taken(const Snapshot& snapshot, Index release);

  // Writes, sends and hands out all there is to do. The error is the one that ended the driver.
  Status round();

  // Entries taken in since the last round carry so much that a round is due.
  [[nodiscard]] bool round_is_full() const { return round_bytes_ >= options_.round_bytes_max; }

  // Whether committed entries wait for the state machine to apply others first.
  [[nodiscard]] bool holding_back() const { return handed_ < committed_; }

  // Whether, as of the last tick, entries can be applied here and the log has room for more. Others
  // are told if not.
  [[nodiscard]] bool can_write() const { return can_write_; }

  // Whether, as of the last tick, this member leads and no majority stores its entries.
  [[nodiscard]] bool is_stuck() const { return is_stuck_; }

  // Fails everything that waits: the driver will not run again.
  void stop(const Status& why);

  // Of a removed member: a follower of nobody.
  [[nodiscard]] Core::Status status() const;
  [[nodiscard]] Index matched(RaftId peer) const { return core_.matched(peer); }
  [[nodiscard]] const Members& members() const { return members_; }
  // Whether this member applied its own removal: it takes no part any more.
  [[nodiscard]] bool removed() const { return removed_; }

 private:
  struct Pending {
    Index index;
    Term term;
    EntryKind kind;
    std::unique_ptr<Proposal> proposal;
  };
  struct Handed {
    Index index;
    std::size_t bytes;
  };

  // Why nothing can be read through this member now; ok if it can.
  [[nodiscard]] Status may_lead() const;
  // The same of proposals.
  [[nodiscard]] Status may_propose() const;
  // Makes room in the log for one proposal more in this round.
  Status reserve(std::size_t bytes);
  void hand_over_if_full();
  void look_if_stuck();
  // Gives the core what was proposed since it was last given something, in messages that are worth
  // sending: one to each member, not one for each entry.
  void propose_gathered();
  void propose_together(std::vector<std::unique_ptr<Proposal>> proposals);
  void await(Index index, EntryKind kind, std::unique_ptr<Proposal> proposal);
  [[nodiscard]] Status why_refused() const;
  Status handle(const Core::Ready& ready);
  Status persist(const Core::Ready& ready);
  Status install(const Snapshot& snapshot);
  void send(const std::vector<Core::Outgoing>& messages);
  void take_committed(const std::vector<EntryView>& entries);
  // Hands out committed entries as far as the bound allows.
  void hand_out(const std::vector<EntryView>& at_hand);
  Committed to_committed(const EntryView& entry);
  std::unique_ptr<Proposal> take_proposal(const EntryView& entry);
  void fail_pending(const Status& why);
  void notice_status();

  const Options options_;
  Core& core_;
  Log& log_;
  Transport& transport_;
  StateMachine& machine_;

  Status failed_;
  bool removed_ = false;
  Handover handover_;
  bool can_write_ = true;
  bool no_room_ = false;       // for a proposal since the last tick
  bool is_giving_up_ = false;  // the last transfer was for want of room
  bool is_stuck_ = false;
  std::uint64_t ticks_without_commit_ = 0;  // while there was something to commit
  Index commit_before_;                     // at the last tick
  Members members_;
  HardState state_;       // the core's
  HardState written_;     // what of it is on disk
  Core::Status noticed_;  // what the state machine was told last
  ReadRounds reads_;
  std::vector<std::unique_ptr<Proposal>> gathered_;  // for which there is room in the log
  std::deque<Pending> pending_;                      // proposed, in order of index
  std::size_t round_entries_ = 0;
  std::size_t round_bytes_ = 0;

  Index committed_;  // the last entry the core gave out as committed
  Index handed_;     // the last entry the state machine was given
  std::deque<Handed> unapplied_;
  std::size_t unapplied_bytes_ = 0;
  std::map<RaftId, Index> kept_after_;
  // Changes that took effect and are not yet handed out: members and context, by index.
  std::map<Index, Core::Change> changes_;
};

}  // namespace rqlite::raft
