#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "raft/state_machine.h"
#include "store/applied_index.h"
#include "store/group_apply.h"
#include "store/incoming_database.h"
#include "store/outcomes.h"
#include "store/set_aside.h"
#include "store/snapshotter.h"
#include "store/write.h"
#include "store/writer.h"

namespace rqlite::store {

// A write on its way through consensus: what the log gets, and who waits.
class WriteProposal final : public raft::Proposal {
 public:
  WriteProposal(Bytes command, std::unique_ptr<Write> write)
      : command_(std::move(command)), write_(std::move(write)) {}

  [[nodiscard]] BytesView data() const override { return command_; }
  // Whoever waits hears one verdict: the first.
  void failed(const Status& why) override {
    if (write_) std::exchange(write_, nullptr)->failed(why);
  }
  void applied(raft::Index index, std::vector<command::RequestResult> results) {
    if (write_) std::exchange(write_, nullptr)->applied(index, std::move(results));
  }
  void committed() override {
    if (write_) write_->committed();
  }
  // Whether there is still somebody to tell.
  [[nodiscard]] bool waits() const { return write_ != nullptr; }

 private:
  const Bytes command_;
  std::unique_ptr<Write> write_;
};

// The replicated database: applies committed entries in order, and takes its snapshots in between.
//
// Threads: one, the apply thread's. Failure: kDiskFull and kUnavailable from apply() pass, and
// resume() goes on where it stopped; any other error is final.
class Machine {
 public:
  // Called on the apply thread, before anybody hears of the entry, when an entry or a snapshot has
  // changed who takes part.
  using OnMembers = std::function<void(const Snapshotter::Applied&)>;

  // All must outlive *this. `state` is that of `snapshotter`'s last record; `group_max` as in
  // GroupApply.
  Machine(Writer& writer, Snapshotter& snapshotter, SetAside& set_aside, AppliedIndex& applied,
          Outcomes& outcomes, const SnapshotRecord& state, std::string node_id,
          std::size_t group_max = GroupApply::kGroupMax, OnMembers on_members = {});

  // Who hears of this node's own batches that nobody waits for any more; null: nobody, once it
  // returns. From any thread.
  void listen(StreamListener* listener) EXCLUDES(mutex_);

  // Applies `entries`, which follow the last ones, and tells their writers. The proposals of a
  // batch that could not be finished stay with the machine until resume() has.
  Status apply(std::vector<raft::Committed> entries);
  Status resume();
  // Gives up what apply() did not finish, and becomes what another member's snapshot says. Any
  // error is final.
  Status install(const ReceivedSnapshot& received);
  // What came of a forwarded write is known, so that a copy of it need not be tried.
  [[nodiscard]] bool has_applied(const command::Origin& origin) const {
    return outcomes_.forwarded().find(origin).has_value();
  }
  // Tells whoever waits for the entries of apply() that did not finish. They stay as they are, for
  // resume() or a restart.
  void tell_waiting(const Status& why);

  // The connection that writes, between batches.
  [[nodiscard]] Writer& writer() { return writer_; }

  // Does what is due for snapshots. Precondition: the last apply() or resume() returned ok.
  Status poll_snapshots();
  [[nodiscard]] TimePoint snapshots_due() const { return snapshotter_.due(); }

  [[nodiscard]] const Snapshotter::Applied& now() const { return now_; }
  // When, by its leader's clock, the last command that was applied went into the log; WallTime():
  // none has been since the start.
  [[nodiscard]] WallTime appended_at() const { return appended_at_; }
  // The last entry that carried a command, and the last that could change the database; a
  // snapshot's index until there is one. From any thread.
  [[nodiscard]] raft::Index last_command() const { return raft::Index(last_command_); }
  [[nodiscard]] raft::Index last_write() const { return raft::Index(last_write_); }

 private:
  // What an entry is: its place in a write queue's stream, or whose forwarded write it is, if it
  // has one of the two, and what that means.
  struct Place {
    bool is_command = false;  // not an entry of the consensus core's own
    bool may_write = false;
    std::optional<command::StreamPlace> place;
    std::size_t requests = 0;
    StreamTable::Admission admission = StreamTable::Admission::kNew;

    std::optional<command::Origin> origin;
    ForwardedWrites::Admission forwarded = ForwardedWrites::Admission::kNew;
    std::optional<ForwardedWrites::Answer> answer;  // what the first copy did, for who waits
  };

  // Whether the command can be none but the first of a batch.
  [[nodiscard]] bool begins_batch(const command::Command& command) const;
  // A batch of a write queue is applied once, and after those before it.
  StreamTable::Admission admit(const command::Command& command, raft::Index index);
  // A forwarded write is applied once.
  ForwardedWrites::Admission admit(const command::Origin& origin, raft::Index index);
  void keep_forwarded(const raft::Committed& entry, Place& at, const GroupApply::Work& work);
  // Takes what comes next of todo_ into batch_: a replacement of the database or a piece of one,
  // alone; or entries up to one that begins a batch, or up to and with a change of members, on
  // which the admission of what follows depends.
  Status take_batch();
  Status take_piece();
  Status replace_database();
  void finish_batch();
  void tell(raft::Committed& entry, Place& at, GroupApply::Work& work);
  std::vector<command::RequestResult> results_before(const Place& at, BytesView batch);
  void apply_change(const raft::Committed& entry);

  Writer& writer_;
  Snapshotter& snapshotter_;
  AppliedIndex& applied_;
  SetAside& set_aside_;
  Outcomes& outcomes_;
  GroupApply groups_;
  IncomingDatabase incoming_;
  Snapshotter::Applied now_;
  std::atomic<std::uint64_t> last_command_;
  std::atomic<std::uint64_t> last_write_;
  WallTime appended_at_{};
  WallTime batch_appended_at_{};      // of the batch, likewise
  std::deque<raft::Committed> todo_;  // behind the batch
  std::vector<raft::Committed> batch_;
  std::optional<command::Replacement> replacement_;  // what the batch is, if it is one
  std::optional<command::Piece> piece_;              // likewise
  std::string refusal_;                              // why the batch did nothing of these
  std::vector<Place> places_;                        // of the batch, for each entry

  const std::string node_id_;
  const OnMembers on_members_;
  Mutex mutex_;
  StreamListener* listener_ GUARDED_BY(mutex_) = nullptr;
};

}  // namespace rqlite::store
