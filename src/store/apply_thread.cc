#include "store/apply_thread.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

// Between two tries while the disk is full.
constexpr auto kPause = 200ms;
// How late the end of somebody's deadline may be noticed.
constexpr auto kExpiryStep = 50ms;

// Whether the trouble may pass by itself.
bool is_held_up(const Status& status) {
  return status.code() == Code::kDiskFull || status.code() == Code::kUnavailable;
}

}  // namespace

ApplyThread::ApplyThread(Machine& machine, AppliedIndex& applied, const Clock& clock,
                         Listener& listener, Nanos look_every)
    : machine_(machine),
      applied_(applied),
      clock_(clock),
      listener_(listener),
      look_every_(look_every),
      thread_("apply", [this] { run(); }) {}

ApplyThread::~ApplyThread() { stop(); }

void ApplyThread::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void ApplyThread::apply(std::vector<raft::Committed> entries) {
  for (raft::Committed& entry : entries) {
    if (entry.proposal) entry.proposal->committed();
  }
  {
    MutexLock lock(mutex_);
    if (failed_.ok()) {
      if (waiting_.empty()) {
        waiting_ = std::move(entries);
      } else {
        std::move(entries.begin(), entries.end(), std::back_inserter(waiting_));
      }
      entries.clear();
    }
  }
  for (raft::Committed& entry : entries) {
    if (entry.proposal) entry.proposal->failed({Code::kUnknown, "the node is stopping"});
  }
  changed_.notify_one();
}

std::optional<ReceivedSnapshot> ApplyThread::expect(std::optional<ReceivedSnapshot> received) {
  MutexLock lock(mutex_);
  return std::exchange(expected_, std::move(received));
}

Status ApplyThread::restore(const raft::Snapshot& snapshot) {
  std::vector<raft::Committed> passed_over;
  {
    MutexLock lock(mutex_);
    if (!expected_ || expected_->record.index != snapshot.index ||
        expected_->record.term != snapshot.term) {
      return {Code::kFailed,
              "the content of a snapshot at " + snapshot.index.to_string() + " is not here"};
    }
    passed_over = std::exchange(waiting_, {});
    installing_ = std::exchange(expected_, std::nullopt);
  }
  for (raft::Committed& entry : passed_over) {
    if (entry.proposal)
      entry.proposal->failed({Code::kUnknown, "leadership lost while committing log"});
  }
  changed_.notify_one();
  MutexLock lock(mutex_);
  while (installing_ && !ended_) installed_.wait(mutex_);
  if (!installing_) return {};
  return failed_.ok() ? Status(Code::kFailed, "the node is stopping") : failed_;
}

bool ApplyThread::is_asked_to_install() {
  MutexLock lock(mutex_);
  return installing_.has_value();
}

Status ApplyThread::install() {
  std::optional<ReceivedSnapshot> received;
  {
    MutexLock lock(mutex_);
    received = installing_;
  }
  RETURN_IF_ERROR(machine_.install(*received));
  {
    MutexLock lock(mutex_);
    stalled_ = {};
    installing_.reset();
  }
  installed_.notify_one();
  listener_.on_applied(machine_.now().index);
  return {};
}

void ApplyThread::snapshot_wanted() { listener_.on_snapshot_wanted(); }

void ApplyThread::status_changed(const raft::Core::Status& status) { listener_.on_status(status); }

void ApplyThread::wake() {
  {
    MutexLock lock(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
}

void ApplyThread::run_between(Job job) {
  bool refused = false;
  {
    MutexLock lock(mutex_);
    refused = ended_ || !stalled_.ok();
    if (!refused) {
      jobs_.push_back(std::move(job));
      woken_ = true;
    }
  }
  if (refused) return job(nullptr);
  changed_.notify_one();
}

void ApplyThread::run_jobs() {
  std::vector<Job> jobs;
  {
    MutexLock lock(mutex_);
    jobs.swap(jobs_);
  }
  for (const Job& job : jobs) job(&machine_);
}

void ApplyThread::refuse_jobs() {
  std::vector<Job> jobs;
  {
    MutexLock lock(mutex_);
    jobs.swap(jobs_);
  }
  for (const Job& job : jobs) job(nullptr);
}

Status ApplyThread::stalled() {
  MutexLock lock(mutex_);
  return failed_.ok() ? stalled_ : failed_;
}

void ApplyThread::run() {
  std::vector<raft::Committed> entries;
  while (next(entries, machine_.snapshots_due())) {
    Status status;
    if (!entries.empty()) status = apply_all(std::exchange(entries, {}));
    applied_.expire(clock_.now());
    listener_.on_look();
    // It takes the place of what could not be applied, too.
    if (is_asked_to_install() && (status.ok() || is_held_up(status))) status = install();
    if (status.ok()) run_jobs();
    if (status.ok()) status = machine_.poll_snapshots();
    if (status.ok()) continue;
    // A stop does not wait for room on the disk: the log has what is left.
    is_held_up(status) && is_stopping() ? leave(status) : fail(status);
    break;
  }
  {
    MutexLock lock(mutex_);
    ended_ = true;
  }
  installed_.notify_one();
  refuse_jobs();
}

bool ApplyThread::is_stopping() {
  MutexLock lock(mutex_);
  return stopping_;
}

bool ApplyThread::next(std::vector<raft::Committed>& entries, TimePoint due) {
  // Deadlines need a look now and then, but only while somebody has one.
  const TimePoint now = clock_.now();
  due = std::min(due, now + (applied_.anybody_waits() ? kExpiryStep : look_every_));
  MutexLock lock(mutex_);
  while (waiting_.empty() && !woken_ && !installing_ && !stopping_ && clock_.now() < due) {
    changed_.wait_until(mutex_, due);
  }
  woken_ = false;
  entries = std::exchange(waiting_, {});
  return !entries.empty() || !stopping_;
}

Status ApplyThread::apply_all(std::vector<raft::Committed> entries) {
  const TimePoint began = clock_.now();
  Status status = machine_.apply(std::move(entries));
  while (is_held_up(status)) {
    if (!pause(status)) break;
    status = machine_.resume();
  }
  if (!status.ok()) return status;
  last_took_ns_ = (clock_.now() - began).count();
  {
    MutexLock lock(mutex_);
    if (!stalled_.ok()) log("store", "entries are applied again");
    stalled_ = {};
  }
  listener_.on_applied(machine_.now().index);
  return {};
}

bool ApplyThread::pause(const Status& why) {
  applied_.expire(clock_.now());
  listener_.on_look();
  // Nobody knows for how long: their clients hear what is known now.
  const Status unknown(Code::kUnknown,
                       why.text() + ": the write is in the log and is applied when this is over");
  machine_.tell_waiting(unknown);
  refuse_jobs();
  MutexLock lock(mutex_);
  for (raft::Committed& entry : waiting_) {
    if (entry.proposal) entry.proposal->failed(unknown);
  }
  if (stalled_.ok()) log("store", "entries wait to be applied: {}", why.text());
  stalled_ = why;
  const TimePoint until = clock_.now() + kPause;
  while (!stopping_ && !installing_ && clock_.now() < until) changed_.wait_until(mutex_, until);
  return !stopping_ && !installing_;
}

void ApplyThread::leave(const Status& why) {
  // Their entries are in the log: a restart applies them.
  const Status unknown(Code::kUnknown, why.text());
  machine_.tell_waiting(unknown);
  std::vector<raft::Committed> left;
  {
    MutexLock lock(mutex_);
    failed_ = why;
    left = std::exchange(waiting_, {});
  }
  for (raft::Committed& entry : left) {
    if (entry.proposal) entry.proposal->failed(unknown);
  }
  applied_.close(why);
}

void ApplyThread::fail(const Status& why) {
  leave(why);
  listener_.on_failure(why);
}

}  // namespace rqlite::store
