#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "raft/driver.h"

namespace rqlite::raft {

// Owns the Raft thread: collects events from all threads and lets the driver act on them.
//
// Group commit without a timer: whatever arrives during one round is the next one's, and all of
// it shares a sync. Threads: all methods but the constructor from any thread. Stop: stop() fails
// what still waits, then joins; what is proposed later fails too. The destructor does the same.
class DriverThread {
 public:
  struct Options {
    std::chrono::nanoseconds tick;
    // How long a proposal may wait until the driver takes it in; 0: for as long as it takes.
    std::chrono::nanoseconds patience{0};
  };

  // `driver` must outlive *this and is touched by its thread alone from here on. `on_failure` is
  // called on that thread, once, when the driver failed: the node cannot go on.
  DriverThread(Driver& driver, Options options, std::function<void(const Status&)> on_failure);
  ~DriverThread();
  DriverThread(const DriverThread&) = delete;
  DriverThread& operator=(const DriverThread&) = delete;

  void propose(std::unique_ptr<Proposal> proposal) EXCLUDES(mutex_);
  // Fails the proposals that wait and whose patience has ended by `now`: the thread may be in a
  // round that the disk holds up. They are not in the log, and never will be.
  void expire(TimePoint now) EXCLUDES(mutex_);
  void read(std::vector<std::unique_ptr<Read>> reads) EXCLUDES(mutex_);
  void deliver(Bytes message) EXCLUDES(mutex_);
  void applied(Index index) EXCLUDES(mutex_);
  void stop() EXCLUDES(mutex_);
  // Anything rarer. Runs on the Raft thread before its next round. False: it never will.
  bool call(std::function<void(Driver&)> what) EXCLUDES(mutex_);

  // As of the last round.
  [[nodiscard]] Core::Status status() EXCLUDES(mutex_);
  [[nodiscard]] bool can_write() EXCLUDES(mutex_);
  [[nodiscard]] bool is_stuck() EXCLUDES(mutex_);

 private:
  struct Waiting {
    std::unique_ptr<Proposal> proposal;
    TimePoint until;
  };
  struct Inbox {
    std::vector<Waiting> proposals;  // by their time
    std::vector<std::unique_ptr<Read>> reads;
    std::vector<Bytes> messages;
    std::vector<std::function<void(Driver&)>> calls;
    Index applied;
    bool any = false;
  };

  void run() EXCLUDES(mutex_);
  // Waits for events or the next tick. False: stop.
  bool next(Inbox& inbox, TimePoint tick_due) EXCLUDES(mutex_);
  void take_in(Inbox& inbox);
  void run_round() EXCLUDES(mutex_);

  // Constant after construction.
  const Options options_;
  const std::function<void(const Status&)> on_failure_;

  // Touched only by run().
  Driver& driver_;
  bool reported_ = false;

  Mutex mutex_;
  CondVar changed_;  // inbox_.any or stopping_ was set
  Inbox inbox_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool stopped_ GUARDED_BY(mutex_) = false;  // nobody takes events in any more
  Core::Status status_ GUARDED_BY(mutex_);
  bool can_write_ GUARDED_BY(mutex_) = true;
  bool is_stuck_ GUARDED_BY(mutex_) = false;
  bool holding_back_ GUARDED_BY(mutex_) = false;

  Thread thread_;
};

}  // namespace rqlite::raft
