#include "queue/write_queue.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace rqlite::queue {
namespace {

using namespace std::chrono_literals;

// Between two tries to send a batch that the target refused for now: doubled from the first to
// the second.
constexpr std::chrono::nanoseconds kBackoffMin = 20ms;
constexpr std::chrono::nanoseconds kBackoffMax = 1s;
// Between two tries to extend the sequence numbers.
constexpr std::chrono::nanoseconds kExtendAgain = 1s;

Status shutting_down() { return {Code::kUnavailable, "shutting down"}; }

// Whether sending the same batch again may succeed, and cannot apply it twice.
bool may_resend(Code code) {
  switch (code) {
    case Code::kNotLeader:
    case Code::kNoLeader:
    case Code::kUnavailable:
    case Code::kFull:
    case Code::kDiskFull:
      return true;
    case Code::kOk:
    case Code::kInvalid:
    case Code::kTooLarge:
    case Code::kDeadline:
    case Code::kUnknown:
    case Code::kFailed:
      return false;
  }
  return false;
}

}  // namespace

class WriteQueue::Answer final : public store::Write {
 public:
  explicit Answer(WriteQueue& queue) : queue_(queue) {}
  void applied(raft::Index index, std::vector<command::RequestResult> results) override {
    queue_.on_applied(index, std::move(results));
  }
  void failed(const Status& why) override { queue_.on_failed(why); }

 private:
  WriteQueue& queue_;
};

WriteQueue::WriteQueue(Batcher::Limits limits, SequenceNumbers numbers, store::WriteTarget& target,
                       const Clock& clock)
    : limits_(limits),
      target_(target),
      clock_(clock),
      numbers_(std::move(numbers)),
      batcher_(limits),
      thread_("queue", [this] { run(); }) {}

WriteQueue::~WriteQueue() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
  std::vector<Request> left;
  std::deque<RoomRequest> refused;
  {
    MutexLock lock(mutex_);
    refused = std::exchange(room_waiters_, {});
    while (batcher_.requests() > 0) {
      for (Request& request : batcher_.take()) left.push_back(std::move(request));
    }
    if (flight_) {
      for (Request& request : flight_->requests) left.push_back(std::move(request));
    }
  }
  for (RoomRequest& request : refused) request.waiter->refused(shutting_down());
  const Status unknown(Code::kUnknown, "the node stopped before it was stored");
  for (const Request& request : left) {
    if (request.waiter) request.waiter->failed(request.number, unknown);
  }
}

Result<std::uint64_t> WriteQueue::push(Bytes& encoded, std::unique_ptr<Waiter>& waiter) {
  bool wake = false;
  std::uint64_t number = 0;
  {
    MutexLock lock(mutex_);
    if (draining_ || stopping_) return shutting_down();
    if (Status status = batcher_.has_room(encoded.size()); !status.ok()) return status;
    // Those that wait for room came first.
    const std::optional<std::uint64_t> next =
        room_waiters_.empty() ? numbers_.next() : std::nullopt;
    if (!next) return Status(Code::kFull, "queue is full");
    number = accepted_ = *next;
    const std::optional<TimePoint> before = batcher_.due();
    const TimePoint now = clock_.now();
    batcher_.push({number, std::move(encoded), std::move(waiter)}, now);
    // Wake the thread only if this request changes when it has to act.
    wake = !flight_ && batcher_.due() != before;
  }
  if (wake) changed_.notify_one();
  return number;
}

void WriteQueue::push_when_room(Bytes encoded, std::unique_ptr<RoomWaiter> waiter,
                                TimePoint deadline) {
  {
    MutexLock lock(mutex_);
    if (!draining_ && !stopping_) {
      room_waiters_.push_back({std::move(encoded), std::move(waiter), deadline});
    }
  }
  if (waiter) return waiter->refused(shutting_down());
  changed_.notify_one();
}

void WriteQueue::refuse_new() {
  std::deque<RoomRequest> refused;
  {
    MutexLock lock(mutex_);
    draining_ = true;
    batcher_.drain();
    refused = std::exchange(room_waiters_, {});
  }
  for (RoomRequest& request : refused) request.waiter->refused(shutting_down());
  changed_.notify_one();
}

WriteQueue::Left WriteQueue::drain(std::chrono::nanoseconds patience) {
  const TimePoint deadline = clock_.now() + patience;
  refuse_new();
  MutexLock lock(mutex_);
  while ((flight_ || landing_ > 0 || batcher_.requests() > 0) && clock_.now() < deadline) {
    clock_.wait_until(landed_, mutex_, deadline);
  }
  Left left;
  left.requests = batcher_.requests() + (flight_ ? flight_->requests.size() : 0);
  left.last = accepted_;
  left.first = accepted_ + 1 - left.requests;
  return left;
}

WriteQueue::Report WriteQueue::report() {
  MutexLock lock(mutex_);
  return {.depth = batcher_.requests(),
          .bytes = batcher_.bytes(),
          .in_flight = flight_ ? flight_->requests.size() : 0,
          .accepted = accepted_,
          .applied = applied_,
          .batches = batches_,
          .failed_requests = failed_requests_};
}

void WriteQueue::run() {
  while (wait_for_work()) {
    extend_numbers();
    admit_and_expire();
    send_batch();
  }
}

bool WriteQueue::has_work(TimePoint now) const {
  const std::optional<TimePoint> next = next_event();
  return next && *next <= now;
}

std::optional<TimePoint> WriteQueue::next_event() const {
  std::optional<TimePoint> next;
  auto consider = [&next](std::optional<TimePoint> time) {
    if (time && (!next || *time < *next)) next = time;
  };
  if (numbers_.wants_extension()) consider(extend_at_);
  if (must_resend_) consider(resend_at_);
  if (!flight_) consider(batcher_.due());
  for (const RoomRequest& request : room_waiters_) consider(request.deadline);
  if (!room_waiters_.empty() && !numbers_.exhausted() &&
      batcher_.has_room(room_waiters_.front().encoded.size()).ok()) {
    consider(TimePoint::min());
  }
  return next;
}

bool WriteQueue::wait_for_work() {
  MutexLock lock(mutex_);
  while (!stopping_ && !has_work(clock_.now())) {
    if (const std::optional<TimePoint> next = next_event()) {
      clock_.wait_until(changed_, mutex_, *next);
    } else {
      changed_.wait(mutex_);
    }
  }
  return !stopping_;
}

void WriteQueue::extend_numbers() {
  SequenceNumbers* numbers = nullptr;
  {
    MutexLock lock(mutex_);
    if (!numbers_.wants_extension() || extend_at_ > clock_.now()) return;
    numbers = &numbers_;
  }
  // Without the lock, so that no client waits for the disk: extend() may run beside next().
  const Result<std::uint64_t> bound = numbers->extend();
  MutexLock lock(mutex_);
  if (bound.ok()) {
    numbers_.set_bound(*bound);
  } else {
    extend_at_ = clock_.now() + kExtendAgain;
    log("queue", "cannot extend the sequence numbers: {}", bound.error().text());
  }
}

// Lets requests in that waited for room, in order, and refuses those whose time is up.
void WriteQueue::admit_and_expire() {
  std::vector<std::unique_ptr<RoomWaiter>> late;
  {
    MutexLock lock(mutex_);
    const TimePoint now = clock_.now();
    while (!room_waiters_.empty()) {
      RoomRequest& first = room_waiters_.front();
      if (!batcher_.has_room(first.encoded.size()).ok()) break;
      const std::optional<std::uint64_t> number = numbers_.next();
      if (!number) break;
      accepted_ = *number;
      // Under the lock, because nobody may get between the number and the queue; the callee's
      // contract is not to block.
      std::unique_ptr<Waiter> waiter = first.waiter->accepted(*number);
      batcher_.push({*number, std::move(first.encoded), std::move(waiter)}, now);
      room_waiters_.pop_front();
    }
    for (auto each = room_waiters_.begin(); each != room_waiters_.end();) {
      if (each->deadline > now) {
        ++each;
        continue;
      }
      late.push_back(std::move(each->waiter));
      each = room_waiters_.erase(each);
    }
  }
  for (const std::unique_ptr<RoomWaiter>& waiter : late) {
    waiter->refused({Code::kFull, "queue is full"});
  }
}

void WriteQueue::send_batch() {
  Bytes batch;
  std::optional<Flight> only_checkpoints;
  {
    MutexLock lock(mutex_);
    const TimePoint now = clock_.now();
    if (flight_) {
      if (!must_resend_ || resend_at_ > now) return;
      must_resend_ = false;
    } else {
      const std::optional<TimePoint> due = batcher_.due();
      if (!due || *due > now) return;
      flight_.emplace();
      flight_->requests = batcher_.take();
      for (const Request& request : flight_->requests) flight_->batch += request.encoded;
      // Its place in the order is all that a request without statements asks for.
      if (flight_->batch.empty()) {
        only_checkpoints = std::exchange(flight_, std::nullopt);
        landing_++;
      }
    }
    if (flight_) batch = flight_->batch;
  }
  if (only_checkpoints) {
    std::vector<command::RequestResult> results(only_checkpoints->requests.size());
    return land(std::move(*only_checkpoints), raft::Index(), std::move(results));
  }
  target_.write(std::move(batch), std::make_unique<Answer>(*this));
}

void WriteQueue::on_applied(raft::Index index, std::vector<command::RequestResult> results) {
  std::optional<Flight> flight;
  {
    MutexLock lock(mutex_);
    flight = std::exchange(flight_, std::nullopt);
    landing_++;
    backoff_ = {};
  }
  // Requests without statements are not in the batch; their result is as empty as they are.
  std::vector<command::RequestResult> all(flight->requests.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < all.size() && next < results.size(); i++) {
    if (!flight->requests[i].encoded.empty()) all[i] = std::move(results[next++]);
  }
  land(std::move(*flight), index, std::move(all));
}

void WriteQueue::on_failed(const Status& why) {
  if (may_resend(why.code())) {
    {
      MutexLock lock(mutex_);
      backoff_ = std::clamp(2 * backoff_, kBackoffMin, kBackoffMax);
      resend_at_ = clock_.now() + backoff_;
      must_resend_ = true;
    }
    changed_.notify_one();
    return;
  }
  std::optional<Flight> flight;
  {
    MutexLock lock(mutex_);
    flight = std::exchange(flight_, std::nullopt);
    landing_++;
  }
  fail(std::move(*flight), why);
}

void WriteQueue::fail(Flight flight, const Status& why) {
  log("queue", "requests {} to {} failed: {}", flight.requests.front().number,
      flight.requests.back().number, why.text());
  {
    MutexLock lock(mutex_);
    failed_requests_ += flight.requests.size();
  }
  changed_.notify_one();
  for (Request& request : flight.requests) {
    if (request.waiter) request.waiter->failed(request.number, why);
  }
  end_landing();
}

void WriteQueue::land(Flight flight, raft::Index index,
                      std::vector<command::RequestResult> results) {
  const auto failed = static_cast<std::uint64_t>(
      std::count_if(results.begin(), results.end(), [](const auto& each) { return !each.ok(); }));
  {
    MutexLock lock(mutex_);
    applied_ = flight.requests.back().number;
    batches_++;
    failed_requests_ += failed;
  }
  // The next batch leaves while this one's waiters are told.
  changed_.notify_one();
  for (std::size_t i = 0; i < flight.requests.size(); i++) {
    if (flight.requests[i].waiter) {
      flight.requests[i].waiter->applied(flight.requests[i].number, index, std::move(results[i]));
    }
  }
  end_landing();
}

void WriteQueue::end_landing() {
  {
    MutexLock lock(mutex_);
    landing_--;
  }
  landed_.notify_all();
}

}  // namespace rqlite::queue
