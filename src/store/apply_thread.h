#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "raft/state_machine.h"
#include "store/applied_index.h"
#include "store/machine.h"
#include "store/received_snapshot.h"

namespace rqlite::store {

// Owns the apply thread and, through it, the machine and the only writing connection.
//
// Batching: whatever arrives during one batch is the next one; no timer. Bound: the driver keeps
// what is handed over and not yet applied within its own. A full disk holds the thread up, not the
// node: writers that wait hear so, it tries again until there is room, and stalled() says why.
// Stop: stop() applies what was handed over, unless that is held up, then joins.
class ApplyThread final : public raft::StateMachine {
 public:
  // Where it reports to; called on the apply thread, or the Raft thread where it says so. Must
  // not block.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_applied(raft::Index index) = 0;
    // Now and then, at least so often as the constructor was told, unless a batch takes longer.
    virtual void on_look() = 0;
    // On the Raft thread.
    virtual void on_status(const raft::Core::Status& status) = 0;
    // A follower needs a snapshot that is newer than the last one. Likewise.
    virtual void on_snapshot_wanted() = 0;
    // Storage failed for good: the node cannot go on.
    virtual void on_failure(const Status& why) = 0;
  };

  // All must outlive *this, and `machine` is touched by its thread alone until stop().
  ApplyThread(Machine& machine, AppliedIndex& applied, const Clock& clock, Listener& listener,
              Nanos look_every = std::chrono::seconds(1));
  ~ApplyThread() override;

  void apply(std::vector<raft::Committed> entries) override EXCLUDES(mutex_);
  // Blocks until the thread has installed what expect() was given for `snapshot`.
  Status restore(const raft::Snapshot& snapshot) override EXCLUDES(mutex_);
  void snapshot_wanted() override;
  void status_changed(const raft::Core::Status& status) override;

  // A snapshot came, and restore() may be asked for it; null: none. Returns what was expected
  // before, if nobody asked for it. From any thread.
  std::optional<ReceivedSnapshot> expect(std::optional<ReceivedSnapshot> received) EXCLUDES(mutex_);

  // Has `job` run between two batches, as soon as entries can be applied; null, at once or later,
  // if that will not be: the thread is held up, or stops. From any thread.
  using Job = std::function<void(Machine*)>;
  void run_between(Job job) EXCLUDES(mutex_);

  // Makes the thread look for something to do. From any thread.
  void wake() EXCLUDES(mutex_);
  // From any thread.
  [[nodiscard]] Status stalled() override EXCLUDES(mutex_);
  // How long it took to apply what was applied last. Likewise.
  [[nodiscard]] Nanos last_took() const { return Nanos(last_took_ns_); }
  void stop() EXCLUDES(mutex_);

 private:
  void run() EXCLUDES(mutex_);
  // Waits for entries, a wake-up or `due`. False: stop, and nothing is left.
  bool next(std::vector<raft::Committed>& entries, TimePoint due) EXCLUDES(mutex_);
  // Applies `entries`, however long it takes. Not ok: never.
  Status apply_all(std::vector<raft::Committed> entries) EXCLUDES(mutex_);
  // Waits a while before another try. False: stopping, or a snapshot takes the entries' place.
  bool pause(const Status& why) EXCLUDES(mutex_);
  [[nodiscard]] bool is_stopping() EXCLUDES(mutex_);
  // Ends without having applied all.
  void leave(const Status& why) EXCLUDES(mutex_);
  void fail(const Status& why) EXCLUDES(mutex_);
  // What restore() waits for.
  [[nodiscard]] bool is_asked_to_install() EXCLUDES(mutex_);
  Status install() EXCLUDES(mutex_);
  void run_jobs() EXCLUDES(mutex_);
  void refuse_jobs() EXCLUDES(mutex_);

  // Touched only by run().
  Machine& machine_;
  AppliedIndex& applied_;
  const Clock& clock_;
  Listener& listener_;
  const Nanos look_every_;

  std::atomic<std::int64_t> last_took_ns_{0};

  Mutex mutex_;
  CondVar changed_;    // waiting_, jobs_, woken_, installing_ or stopping_ changed
  CondVar installed_;  // installing_ was reset, or ended_ set
  std::optional<ReceivedSnapshot> expected_ GUARDED_BY(mutex_);
  std::optional<ReceivedSnapshot> installing_ GUARDED_BY(mutex_);  // what restore() waits for
  std::vector<raft::Committed> waiting_ GUARDED_BY(mutex_);
  std::vector<Job> jobs_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;
  bool woken_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  Status stalled_ GUARDED_BY(mutex_);
  Status failed_ GUARDED_BY(mutex_);

  Thread thread_;
};

}  // namespace rqlite::store
