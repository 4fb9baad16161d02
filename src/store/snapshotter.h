#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/mutex.h"
#include "base/slot_file.h"
#include "command/command.h"
#include "raft/types.h"
#include "sqlite/connection.h"
#include "store/database_files.h"
#include "store/frozen_main.h"
#include "store/outcome_journal.h"
#include "store/outcomes.h"
#include "store/received_snapshot.h"
#include "store/replicated_state.h"
#include "store/snapshot_record.h"
#include "store/writer.h"

namespace rqlite::store {

// Takes snapshots: brings SQLite's main file to the state of an applied entry N, durably, so that
// the log up to N can go. The main file is the snapshot; nothing is copied elsewhere.
//
// Between snapshots all changes live in SQLite's WAL, which nobody syncs and a restart discards.
// Two steps, because the first, which moves nearly everything, hardly holds the writer, and only
// the second, when little is left to move, makes the main file the database at one index:
//
//   phase         what holds                                                  ends with
//   kIdle         the record is complete at S, the main file is S             begin()
//   kSavingOutcomes  as kIdle; the helper writes what is kept of requests to  begin()
//                 the journal, if that is much
//   kSyncingWal   a guard reads the WAL at N: it cannot restart, and no       copy(): checkpoint,
//                 checkpoint can pass N. The helper syncs the WAL up to N,    which the intent
//                 then writes the intent N. Writes go on                      allows from here on
//   kSyncingMain  most pages of N are in the main file; those that changed    finish(), or begin()
//                 again since are not, because SQLite copies only the         if much came since
//                 newest of each. The helper syncs. Writes go on
//
// finish() holds the writer: it moves the rest the same way and at once, writes the record that is
// complete at the index M it has come to by then, and leaves nothing to move in the WAL, which
// restarts with the next write.
//
// A reader of a user that keeps an old view lets the checkpoint stop short. Then the intent stays,
// which is sound for as long as the WAL does not restart (and it cannot, having frames that are
// not copied), and the whole is tried again later.
//
// A reader of the main file (FrozenMain) holds the next snapshot up altogether.
//
// A full disk likewise: what is not copied stays in the WAL, and the log stays as long as it is.
//
// Threads: the apply thread, but for request(). Failure: the first other error is final.
class Snapshotter {
 public:
  struct Options {
    std::uint64_t entries_max = 8192;       // since the last snapshot; that many start one
    std::uint64_t wal_bytes_max = 4 << 20;  // likewise; 0: not a reason
    std::chrono::nanoseconds interval{std::chrono::seconds(10)};  // between looks at these two
    // Reasons that do not wait for the interval: so much would have to be replayed.
    std::uint64_t urgent_wal_bytes = 16 << 20;
    std::uint64_t urgent_log_bytes = 64 << 20;
    // So little of the WAL is moved with the writer held, without the first step.
    std::uint64_t held_bytes_max = 1 << 20;
  };

  // The outcome of a snapshot that somebody asked for: ok, kUnavailable if readers were in the
  // way, kDiskFull, or `nothing_new`.
  struct Outcome {
    Status status;
    bool nothing_new = false;
  };
  using Callback = std::function<void(const Outcome&)>;
  // Called with the record of each complete snapshot. `replaced`: it is no outcome of the entries
  // before it, which nobody has a use for any more.
  using OnTaken = std::function<void(const SnapshotRecord&, bool replaced)>;

  // All must outlive *this, `paths` too. `wake` makes the apply thread call poll() soon; from any
  // thread.
  struct Parts {
    FileSystem& files;
    Executor& helper;
    Writer& writer;
    SlotFile& slot;
    Outcomes& outcomes;
    OutcomeJournal& journal;
    const Clock& clock;
    std::function<void()> wake;
    OnTaken on_taken;
    // Keeps everybody else from opening the database, true, until it is told false.
    std::function<void(bool)> keep_out;
  };
  static Result<std::unique_ptr<Snapshotter>> open(Parts parts, const DatabaseFiles& paths,
                                                   Options options, const SnapshotRecord& last,
                                                   const char* base_vfs);
  ~Snapshotter();

  // The state as of the last applied entry, which poll() looks at.
  struct Applied {
    raft::Index index;
    raft::Term term;
    Bytes conf_state;
    ReplicatedState state;
  };

  // Between two groups: notes what the group added to the log, then does what is due.
  void applied_bytes(std::size_t bytes) { log_bytes_ += bytes; }
  Status poll(const Applied& applied);
  // When poll() wants to be called again, although nothing was applied.
  [[nodiscard]] TimePoint due() const { return due_; }

  // Asks for a snapshot of all that is applied now. `done` is called on the apply thread.
  void request(Callback done) EXCLUDES(mutex_);

  // Asks for the main file with all that is applied now, to be read; a snapshot brings it there.
  // One reader at a time: others wait for it, and for readers that are in the way of the snapshot,
  // for so long at most. `done` is called on the apply thread; kUnavailable: the time was up.
  using FreezeCallback = std::function<void(Result<std::unique_ptr<FrozenMain>>)>;
  void freeze(std::chrono::nanoseconds patience, FreezeCallback done) EXCLUDES(mutex_);

  // Makes the database the file that was set aside, which is a snapshot at once: `applied` is the
  // state with the entry that asks for it. Views that readers have of the old one stay. kDiskFull:
  // nothing has happened; it may be tried again. Any other error is final.
  Status replace_database(const Applied& applied, const command::Replacement& replacement);

  // Makes everything what another member's snapshot says: the database, and what is kept of
  // requests. Views that readers have of the old database stay. Any error is final: what is in
  // memory may be half of each then, and only a restart makes it one of the two again.
  Status install(const ReceivedSnapshot& received);

  [[nodiscard]] const SnapshotRecord& last() const { return last_; }
  // No other one is being taken.
  [[nodiscard]] bool is_idle() const { return phase_ == Phase::kIdle; }

  // For status, from any thread.
  struct Counters {
    std::atomic<std::uint64_t> taken{0};
    std::atomic<std::uint64_t> blocked{
        0};  // tries that readers, or a full disk, were in the way of
    std::atomic<std::int64_t> longest_hold_ns{0};
    std::atomic<std::uint64_t> full_disks{0};       // tries that found no room
    std::atomic<std::uint64_t> taken_for_wal{0};    // of those taken: the WAL alone was the reason
    std::atomic<std::uint64_t> blocked_for_wal{0};  // of those blocked, likewise
    std::atomic<std::uint64_t> exchanged{0};  // other databases that took the place of this one
    std::atomic<std::uint64_t> checkpoints{0};
    std::atomic<std::uint64_t> partial_checkpoints{0};  // of these: readers were in the way
    std::atomic<std::uint64_t> failed_checkpoints{0};   // likewise: there was an error
    std::atomic<std::uint64_t> moved_frames{0};         // of the WAL, by all of them
    // Of the last one: what it moved, how long it took, with the writer held, in syncs of the two
    // files, and its checkpoint.
    std::atomic<std::uint64_t> last_bytes{0};
    std::atomic<std::int64_t> last_took_ns{0};
    std::atomic<std::int64_t> last_hold_ns{0};
    std::atomic<std::int64_t> last_sync_ns{0};
    std::atomic<std::int64_t> last_checkpoint_ns{0};
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  enum class Phase { kIdle, kSavingOutcomes, kSyncingWal, kSyncingMain };

  Snapshotter(Parts parts, const DatabaseFiles& paths, Options options, SnapshotRecord last,
              const char* base_vfs);

  [[nodiscard]] bool is_wanted(const Applied& applied) const;
  // Of one that is wanted: whether that is because of the WAL's size and nothing else.
  [[nodiscard]] bool is_for_wal(const Applied& applied) const;
  // Moves what it can of the WAL into the main file. Precondition: the intent is of this WAL.
  Result<sqlite::Connection::Checkpoint> checkpoint();
  void count(const sqlite::Connection::Checkpoint& done);
  // Writes have waited for so long.
  void held_for(Nanos time);
  // On the apply thread, or on the helper's while that has a job.
  Status sync(File& file, Status (File::*how)());
  [[nodiscard]] std::uint64_t wal_bytes_now() const;
  [[nodiscard]] bool wal_has_news() const;
  Status begin(const Applied& applied);
  Status copy();
  Status finish(const Applied& applied);
  // Writer held: the WAL up to now is durable, in the main file, and that is durable.
  Status move_all(const Applied& applied);
  // Fills `record` with the state that belongs to `applied`. The journal has all outcomes then.
  Status note_state(const Applied& applied, SnapshotRecord& record);
  // The main file's place is taken by the one that was set aside, and `record` is what it holds.
  Status check_set_aside(const command::Replacement& file);
  void abandon_this();
  Status exchange(SnapshotRecord record, const command::Replacement& file);
  // `record` is the last snapshot from here on.
  Status taken_over(SnapshotRecord record);
  void save_outcomes();
  Status save_rest();
  Status make_intent(const Applied& applied);
  // Gives this try up; the next comes later. Passes anything but `why` being temporary on.
  Status give_up(const Status& why);
  void answer(const Outcome& outcome);
  void take_requests() EXCLUDES(mutex_);
  // Gives the main file to the next who waits for it, if it has everything.
  void hand_out(const Applied& applied);
  void refuse_late_freezes();
  Status take_helper_result(bool& ready) EXCLUDES(mutex_);
  void run_on_helper(std::function<Status()> work) EXCLUDES(mutex_);
  // Opens the guard's connection and the files, which have to be there.
  Status open_files();
  void wait_for_helper() EXCLUDES(mutex_);
  Status open_guard();
  void close_guard();

  // Constant after construction.
  const Parts parts_;
  const DatabaseFiles& paths_;
  const Options options_;
  const char* const base_vfs_;
  std::uint64_t page_bytes_ = 4096;

  // Touched only on the apply thread; the syncs of the files also by the helper.
  std::shared_ptr<File> main_file_;
  std::unique_ptr<File> wal_file_;
  std::unique_ptr<sqlite::Connection> guard_;
  bool guarding_ = false;
  bool disk_full_ = false;  // at the last try
  Phase phase_ = Phase::kIdle;
  SnapshotRecord last_;              // complete
  SnapshotRecord intent_;            // of the snapshot in progress
  std::uint64_t log_bytes_ = 0;      // applied since last_ began
  int rounds_ = 0;                   // of the first step in this snapshot
  TimePoint began_;                  // this snapshot
  bool for_wal_ = false;             // likewise
  std::uint64_t copied_bytes_ = 0;   // of the WAL, in the main file
  std::uint64_t moved_commits_ = 0;  // the WAL's position when all of it was
  Bytes counted_wal_header_;         // the WAL of which so many frames count as moved
  std::uint64_t counted_frames_ = 0;
  Nanos syncing_{};  // in this snapshot, so far; the helper adds to it
  TimePoint due_;
  TimePoint next_look_;
  TimePoint not_before_;             // after readers were in the way
  std::vector<Callback> answering_;  // whoever waits for the snapshot in progress
  struct Freeze {
    TimePoint deadline;
    FreezeCallback done;
  };
  std::vector<Freeze> freezing_;  // whoever waits for the main file
  std::shared_ptr<MainFileHold> hold_;
  Counters counters_;

  Mutex mutex_;
  CondVar idle_;  // helper_jobs_ went to 0
  std::vector<Callback> asked_ GUARDED_BY(mutex_);
  std::vector<Freeze> freezes_asked_ GUARDED_BY(mutex_);
  // A job may follow the last one before that has quite ended.
  int helper_jobs_ GUARDED_BY(mutex_) = 0;
  std::optional<Status> helper_result_ GUARDED_BY(mutex_);
};

}  // namespace rqlite::store
