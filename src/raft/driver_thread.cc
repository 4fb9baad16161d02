#include "raft/driver_thread.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace rqlite::raft {
namespace {

Status too_late() { return {Code::kUnavailable, "timed out enqueuing operation"}; }

Status not_running() { return {Code::kUnavailable, "store not open"}; }

}  // namespace

DriverThread::DriverThread(Driver& driver, Options options,
                           std::function<void(const Status&)> on_failure)
    : options_(options),
      on_failure_(std::move(on_failure)),
      driver_(driver),
      status_(driver.status()),
      thread_("raft", [this] { run(); }) {}

DriverThread::~DriverThread() { stop(); }

void DriverThread::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void DriverThread::propose(std::unique_ptr<Proposal> proposal) {
  {
    MutexLock lock(mutex_);
    if (!stopped_) {
      // Under the lock, so that they stand in the order of their times.
      const TimePoint until = options_.patience == std::chrono::nanoseconds(0)
                                  ? TimePoint::max()
                                  : later(std::chrono::steady_clock::now(), options_.patience);
      inbox_.proposals.push_back({std::move(proposal), until});
      inbox_.any = true;
    }
  }
  if (proposal) return proposal->failed(not_running());
  changed_.notify_one();
}

void DriverThread::expire(TimePoint now) {
  std::vector<Waiting> late;
  {
    MutexLock lock(mutex_);
    std::vector<Waiting>& waiting = inbox_.proposals;
    const auto end = std::find_if(waiting.begin(), waiting.end(),
                                  [now](const Waiting& each) { return each.until > now; });
    late.assign(std::make_move_iterator(waiting.begin()), std::make_move_iterator(end));
    waiting.erase(waiting.begin(), end);
  }
  for (const Waiting& each : late) each.proposal->failed(too_late());
}

void DriverThread::read(std::vector<std::unique_ptr<Read>> reads) {
  {
    MutexLock lock(mutex_);
    if (!stopped_) {
      if (inbox_.reads.empty()) {
        inbox_.reads.swap(reads);
      } else {
        std::move(reads.begin(), reads.end(), std::back_inserter(inbox_.reads));
        reads.clear();
      }
      inbox_.any = true;
    }
  }
  for (const std::unique_ptr<Read>& read : reads) read->failed(not_running());
  changed_.notify_one();
}

void DriverThread::deliver(Bytes message) {
  {
    MutexLock lock(mutex_);
    if (stopped_) return;
    inbox_.messages.push_back(std::move(message));
    inbox_.any = true;
  }
  changed_.notify_one();
}

void DriverThread::applied(Index index) {
  {
    MutexLock lock(mutex_);
    // Only the newest counts. The next event or tick takes it along, unless the driver holds
    // entries back until there is room for them.
    inbox_.applied = index;
    if (!holding_back_) return;
    inbox_.any = true;
  }
  changed_.notify_one();
}

bool DriverThread::call(std::function<void(Driver&)> what) {
  {
    MutexLock lock(mutex_);
    if (stopped_) return false;
    inbox_.calls.push_back(std::move(what));
    inbox_.any = true;
  }
  changed_.notify_one();
  return true;
}

Core::Status DriverThread::status() {
  MutexLock lock(mutex_);
  return status_;
}

bool DriverThread::can_write() {
  MutexLock lock(mutex_);
  return can_write_;
}

bool DriverThread::is_stuck() {
  MutexLock lock(mutex_);
  return is_stuck_;
}

void DriverThread::run() {
  TimePoint tick_due = std::chrono::steady_clock::now() + options_.tick;
  Inbox inbox;
  for (; next(inbox, tick_due); inbox = {}) {
    take_in(inbox);
    if (const TimePoint now = std::chrono::steady_clock::now(); now >= tick_due) {
      driver_.tick();
      // A thread that was held up does not catch up: missed ticks are not elections.
      tick_due = now + options_.tick;
    }
    run_round();
  }
  driver_.stop(not_running());
  take_in(inbox);  // a stopped driver fails what it is given
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    std::swap(inbox, inbox_);
  }
  take_in(inbox);
}

bool DriverThread::next(Inbox& inbox, TimePoint tick_due) {
  MutexLock lock(mutex_);
  while (!inbox_.any && !stopping_ && std::chrono::steady_clock::now() < tick_due) {
    changed_.wait_until(mutex_, tick_due);
  }
  std::swap(inbox, inbox_);
  return !stopping_;
}

void DriverThread::take_in(Inbox& inbox) {
  if (inbox.applied != Index()) driver_.applied(inbox.applied);
  for (const auto& what : inbox.calls) what(driver_);
  for (const Bytes& message : inbox.messages) {
    if (driver_.round_is_full()) run_round();
    driver_.step(message);
  }
  for (auto& read : inbox.reads) driver_.read(std::move(read));
  TimePoint now = std::chrono::steady_clock::now();
  for (Waiting& waiting : inbox.proposals) {
    if (driver_.round_is_full()) {
      run_round();
      now = std::chrono::steady_clock::now();
    }
    if (waiting.until <= now) {
      waiting.proposal->failed(too_late());
    } else {
      driver_.propose(std::move(waiting.proposal));
    }
  }
}

void DriverThread::run_round() {
  const Status status = driver_.round();
  {
    MutexLock lock(mutex_);
    status_ = driver_.status();
    can_write_ = driver_.can_write();
    is_stuck_ = driver_.is_stuck();
    holding_back_ = driver_.holding_back();
  }
  if (!status.ok() && !std::exchange(reported_, true)) on_failure_(status);
}

}  // namespace rqlite::raft
