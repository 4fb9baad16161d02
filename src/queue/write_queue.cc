#include "queue/write_queue.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "command/request.h"

namespace rqlite::queue {
namespace {

using namespace std::chrono_literals;

// Between two tries to extend the sequence numbers.
constexpr std::chrono::nanoseconds kExtendAgain = 1s;

// At a stop, what this node has applied is known to be stored: the leader's word on it is not
// waited for any longer.
constexpr std::chrono::nanoseconds kLastWordPatience = 1s;

constexpr double kRequestBounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
constexpr double kSecondBounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                    0.05,   0.1,     0.25,   0.5,   1,      2.5,   10};

Status shutting_down() { return {Code::kUnavailable, "shutting down"}; }

double seconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

AttemptFailure failure_of(Code code) {
  switch (code) {
    case Code::kNoLeader:
      return AttemptFailure::kNoLeader;
    case Code::kNotLeader:
      return AttemptFailure::kNotLeader;
    case Code::kUnknown:
      return AttemptFailure::kLost;
    case Code::kOk:
    case Code::kInvalid:
    case Code::kTooLarge:
    case Code::kUnavailable:
    case Code::kFull:
    case Code::kDiskFull:
    case Code::kDeadline:
    case Code::kFailed:
      break;
  }
  return AttemptFailure::kOther;
}

}  // namespace

class WriteQueue::Answer final : public store::Write {
 public:
  Answer(WriteQueue& queue, std::uint64_t first, std::uint64_t attempt)
      : queue_(queue), first_(first), attempt_(attempt) {}
  void committed() override { queue_.on_committed(first_, attempt_); }
  void applied(raft::Index index, std::vector<command::RequestResult> results) override {
    queue_.on_applied(first_, index, std::move(results));
  }
  void failed(const Status& why) override { queue_.on_failed(first_, why); }

 private:
  WriteQueue& queue_;
  const std::uint64_t first_;
  const std::uint64_t attempt_;
};

WriteQueue::WriteQueue(Limits limits, SequenceNumbers numbers, store::StreamTarget& target,
                       const Clock& clock)
    : limits_(limits),
      epoch_(numbers.first()),
      target_(target),
      clock_(clock),
      numbers_(std::move(numbers)),
      batcher_(limits.waiting),
      pipeline_(limits.under_way),
      counts_{.batch_requests = Histogram(kRequestBounds),
              .queue_seconds = Histogram(kSecondBounds),
              .commit_seconds = Histogram(kSecondBounds)},
      thread_("queue", [this] { run(); }) {
  target_.listen(this);
}

WriteQueue::~WriteQueue() {
  stop_listening();
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
  (void)tell_rest();
}

WriteQueue::Left WriteQueue::tell_rest() {
  std::vector<Request> rest;
  std::map<std::uint64_t, RoomRequest> refused;
  std::multimap<std::uint64_t, Settling> settling;
  std::uint64_t persisted = 0;
  std::uint64_t possible = 0;
  Left left;
  {
    MutexLock lock(mutex_);
    refused = std::exchange(room_waiters_, {});
    settling = std::exchange(settling_, {});
    persisted = std::max(pipeline_.committed_to(), epoch_ - 1);
    possible = std::max(pipeline_.possible_to(), persisted);
    left.in_doubt = {persisted + 1, possible};
    left.not_stored = {possible + 1, std::max(accepted_, possible)};
    rest = pipeline_.take_all();
    while (batcher_.requests() > 0) {
      for (Request& request : batcher_.take().requests) rest.push_back(std::move(request));
    }
  }
  for (const auto& [ticket, request] : refused) request.waiter->refused(shutting_down());
  for (const auto& [number, each] : settling) each.settled();
  // What is persisted is applied by the next start, if not here.
  const Status stored(Code::kUnknown,
                      "the node stops: the write is in the log and is applied by its next start");
  const Status in_doubt(Code::kUnknown,
                        "the outcome is unknown: the node stopped while the write was on its way");
  const Status not_stored(Code::kUnavailable, "the node stopped before it was stored");
  for (const Request& request : rest) {
    if (!request.waiter) continue;
    const std::uint64_t number = request.number;
    request.waiter->failed(
        number, number <= persisted ? stored : (number <= possible ? in_doubt : not_stored));
  }
  return left;
}

void WriteQueue::enqueue(Request request) {
  accepted_ = request.number;
  counts_.requests++;
  counts_.statements_accepted += request.statements;
  batcher_.push(std::move(request), clock_.now());
}

Result<std::uint64_t> WriteQueue::push(Bytes& encoded, std::unique_ptr<Waiter>& waiter) {
  if (encoded.empty()) command::append_empty_request(encoded);
  const std::size_t statements = command::statements_in(encoded);
  bool send = false;
  bool wake = false;
  std::uint64_t number = 0;
  {
    MutexLock lock(mutex_);
    if (draining_ || stopping_) {
      counts_.refused_stopping++;
      return shutting_down();
    }
    if (Status status = batcher_.has_room(encoded.size()); !status.ok()) {
      if (status.code() == Code::kTooLarge) counts_.refused_large++;
      return status;
    }
    // Those that wait for room came first.
    const std::optional<std::uint64_t> next =
        room_waiters_.empty() ? numbers_.next() : std::nullopt;
    if (!next) return Status(Code::kFull, "queue is full");
    number = *next;
    const std::optional<TimePoint> before = batcher_.due();
    enqueue({number, std::move(encoded), std::move(waiter), statements});
    const std::optional<TimePoint> due = batcher_.due();
    send = due && *due <= clock_.now() && pipeline_.has_room() && !sending_;
    // The thread needs to know only if this request changes when it has to act.
    wake = !send && due != before && pipeline_.has_room();
  }
  if (send) send_due();
  if (wake) changed_.notify_one();
  return number;
}

std::uint64_t WriteQueue::push_when_room(Bytes encoded, std::unique_ptr<RoomWaiter> waiter,
                                         TimePoint deadline) {
  if (encoded.empty()) command::append_empty_request(encoded);
  const std::size_t statements = command::statements_in(encoded);
  std::uint64_t ticket = 0;
  Status refused;
  {
    MutexLock lock(mutex_);
    if (draining_ || stopping_) {
      counts_.refused_stopping++;
      refused = shutting_down();
    } else if (Status room = batcher_.has_room(encoded.size()); room.code() == Code::kTooLarge) {
      counts_.refused_large++;
      refused = room;
    } else {
      ticket = ++tickets_;
      room_waiters_.emplace(
          ticket, RoomRequest{std::move(encoded), std::move(waiter), deadline, statements});
    }
  }
  if (ticket == 0) {
    waiter->refused(refused);
  } else {
    changed_.notify_one();
  }
  return ticket;
}

std::uint64_t WriteQueue::when_settled(std::uint64_t number, std::function<void()> settled) {
  {
    MutexLock lock(mutex_);
    const bool own = number >= epoch_ && number <= accepted_;
    if (own && number > pipeline_.applied_to() && !stopping_) {
      settling_.emplace(number, Settling{++tickets_, std::move(settled)});
      return tickets_;
    }
  }
  settled();
  return 0;
}

void WriteQueue::stop_waiting(std::uint64_t ticket) {
  std::map<std::uint64_t, RoomRequest>::node_type gone;
  Settling settling;
  MutexLock lock(mutex_);
  gone = room_waiters_.extract(ticket);
  // Those behind it may have room now.
  if (!gone.empty()) return changed_.notify_one();
  for (auto each = settling_.begin(); each != settling_.end(); ++each) {
    if (each->second.ticket != ticket) continue;
    settling = std::move(each->second);
    settling_.erase(each);
    return;
  }
}

std::vector<std::function<void()>> WriteQueue::take_settled() {
  std::vector<std::function<void()>> settled;
  const auto end = settling_.upper_bound(pipeline_.applied_to());
  for (auto each = settling_.begin(); each != end; ++each) {
    settled.push_back(std::move(each->second.settled));
  }
  settling_.erase(settling_.begin(), end);
  return settled;
}

Progress WriteQueue::progress(std::uint64_t number) {
  MutexLock lock(mutex_);
  if (number < epoch_ || number > accepted_) return Progress::kUnknown;
  if (number <= pipeline_.applied_to()) return Progress::kSettled;
  return number <= pipeline_.committed_to() ? Progress::kPersisted : Progress::kQueued;
}

raft::Index WriteQueue::applied_index() {
  MutexLock lock(mutex_);
  return applied_index_;
}

void WriteQueue::refuse_new() {
  std::map<std::uint64_t, RoomRequest> refused;
  {
    MutexLock lock(mutex_);
    draining_ = true;
    batcher_.drain();
    refused = std::exchange(room_waiters_, {});
    counts_.refused_stopping += refused.size();
  }
  for (const auto& [ticket, request] : refused) request.waiter->refused(shutting_down());
  send_due();
}

// Without the lock: who calls the listener may hold its own, and takes ours then.
void WriteQueue::stop_listening() {
  {
    MutexLock lock(mutex_);
    if (!std::exchange(listening_, false)) return;
  }
  target_.listen(nullptr);
}

WriteQueue::Left WriteQueue::drain(std::chrono::nanoseconds patience) {
  const TimePoint deadline = later(clock_.now(), patience);
  refuse_new();
  {
    MutexLock lock(mutex_);
    TimePoint until = deadline;
    while ((pipeline_.batches() > 0 || landing_ > 0 || batcher_.requests() > 0) && !gave_up_) {
      if (batcher_.requests() == 0 && pipeline_.is_applied_here()) {
        until = std::min(until, later(clock_.now(), kLastWordPatience));
      }
      if (clock_.now() >= until) break;
      clock_.wait_until(landed_, mutex_, until);
    }
    drained_ = true;
    while (sending_) landed_.wait(mutex_);
  }
  stop_listening();
  land_applied_here();
  return tell_rest();
}

void WriteQueue::land_applied_here() {
  for (;;) {
    std::optional<Landing> landing;
    {
      MutexLock lock(mutex_);
      std::optional<Pipeline::Landed> landed = pipeline_.take_applied_here(clock_.now());
      if (!landed) return;
      landing = begin_landing(std::move(*landed));
    }
    finish_landing(std::move(*landing));
  }
}

void WriteQueue::give_up() {
  {
    MutexLock lock(mutex_);
    gave_up_ = true;
  }
  landed_.notify_all();
}

WriteQueue::Report WriteQueue::report() {
  MutexLock lock(mutex_);
  Report report = counts_;
  report.depth = batcher_.requests();
  report.bytes = batcher_.bytes();
  report.in_flight = pipeline_.requests();
  report.accepted = accepted_;
  auto if_any = [&](std::uint64_t number) { return number < epoch_ ? 0 : number; };
  report.persisted = if_any(pipeline_.committed_to());
  report.applied = if_any(pipeline_.applied_to());
  if (pipeline_.batches() > 0) {
    report.oldest_age = clock_.now() - pipeline_.oldest();
  } else if (report.depth > 0) {
    report.oldest_age = clock_.now() - batcher_.oldest();
  }
  report.waiting_for_room = room_waiters_.size();
  return report;
}

void WriteQueue::run() {
  while (wait_for_work()) {
    extend_numbers();
    admit_and_expire();
    send_due();
  }
}

bool WriteQueue::admits_somebody() const {
  return !room_waiters_.empty() && !numbers_.exhausted() &&
         batcher_.has_room(room_waiters_.begin()->second.encoded.size()).ok();
}

std::optional<TimePoint> WriteQueue::next_event() const {
  std::optional<TimePoint> next;
  auto consider = [&next](std::optional<TimePoint> time) {
    if (time && (!next || *time < *next)) next = time;
  };
  if (numbers_.wants_extension()) consider(extend_at_);
  if (!sending_ && !drained_) {
    consider(pipeline_.due());
    if (pipeline_.has_room()) consider(batch_due());
  }
  for (const auto& [ticket, request] : room_waiters_) consider(request.deadline);
  if (admits_somebody()) consider(TimePoint::min());
  return next;
}

std::optional<TimePoint> WriteQueue::batch_due() const {
  // Whoever waits for room waits for no company.
  if (!room_waiters_.empty() && batcher_.requests() > 0) return batcher_.oldest();
  return batcher_.due();
}

bool WriteQueue::wait_for_work() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    const std::optional<TimePoint> next = next_event();
    if (next && *next <= clock_.now()) return true;
    if (next) {
      clock_.wait_until(changed_, mutex_, *next);
    } else {
      changed_.wait(mutex_);
    }
  }
  return false;
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

// Refuses those whose time is up, and lets in what waited for room, in order.
void WriteQueue::admit_and_expire() {
  std::vector<std::unique_ptr<RoomWaiter>> late;
  {
    MutexLock lock(mutex_);
    const TimePoint now = clock_.now();
    for (auto each = room_waiters_.begin(); each != room_waiters_.end();) {
      if (each->second.deadline > now) {
        ++each;
        continue;
      }
      late.push_back(std::move(each->second.waiter));
      each = room_waiters_.erase(each);
    }
    counts_.refused_full += late.size();
    while (admits_somebody()) {
      RoomRequest& first = room_waiters_.begin()->second;
      const std::uint64_t number = *numbers_.next();
      // Under the lock, because nobody may get between the number and the queue; the callee's
      // contract is not to block.
      std::unique_ptr<Waiter> waiter = first.waiter->accepted(number);
      enqueue({number, std::move(first.encoded), std::move(waiter), first.statements});
      room_waiters_.erase(room_waiters_.begin());
    }
  }
  for (const std::unique_ptr<RoomWaiter>& waiter : late) {
    waiter->refused({Code::kFull, "queue is full"});
  }
}

void WriteQueue::send_due() {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    // Whoever is at it will come to what is due now: batches leave one after the other.
    if (sending_) return;
    sending_ = true;
    while (std::optional<Pipeline::Send> send = next_to_send()) {
      const std::uint64_t first = send->first;
      auto answer = std::make_unique<Answer>(*this, first, send->attempt);
      mutex_.unlock();
      if (send->stored_at) {
        target_.confirm(*send->stored_at, std::move(answer));
      } else {
        target_.write(std::move(send->batch), epoch_, first, std::move(answer));
      }
      mutex_.lock();
    }
    sending_ = false;
    landed_.notify_all();
    const std::optional<TimePoint> next = next_event();
    wake = next.has_value();
  }
  if (wake) changed_.notify_one();
}

std::optional<Pipeline::Send> WriteQueue::next_to_send() {
  if (drained_ || stopping_) return std::nullopt;
  const TimePoint now = clock_.now();
  if (std::optional<Pipeline::Send> again = pipeline_.next_to_send(now)) {
    if (!again->stored_at) counts_.resends++;
    return again;
  }
  const std::optional<TimePoint> due = batch_due();
  if (!due || *due > now || !pipeline_.has_room()) return std::nullopt;
  Batch batch = batcher_.take();
  if (!room_waiters_.empty()) batch.reason = FlushReason::kSize;
  counts_.flushes[static_cast<std::size_t>(batch.reason)]++;
  counts_.batch_requests.add(static_cast<double>(batch.requests.size()));
  for (const Request& each : batch.requests) counts_.statements_sent += each.statements;
  for (const TimePoint arrived : batch.arrived) {
    counts_.queue_seconds.add(seconds_of(now - arrived));
  }
  pipeline_.add(std::move(batch.requests), batch.arrived.front(), now);
  return pipeline_.next_to_send(now);
}

void WriteQueue::on_committed(std::uint64_t first, std::uint64_t attempt) {
  MutexLock lock(mutex_);
  pipeline_.committed(first, attempt);
}

void WriteQueue::on_applied(std::uint64_t first, raft::Index index,
                            std::vector<command::RequestResult> results) {
  std::optional<Landing> landing;
  {
    MutexLock lock(mutex_);
    std::optional<Pipeline::Landed> landed =
        pipeline_.applied(first, {index, std::move(results)}, clock_.now());
    if (!landed) return;
    landing = begin_landing(std::move(*landed));
  }
  // The next batch leaves while this one's waiters are told.
  send_due();
  changed_.notify_one();
  finish_landing(std::move(*landing));
}

WriteQueue::Landing WriteQueue::begin_landing(Pipeline::Landed landed) {
  landing_++;
  counts_.batches++;
  for (const Request& each : landed.requests) counts_.statements_applied += each.statements;
  counts_.commit_seconds.add(seconds_of(landed.took));
  for (const command::RequestResult& each : landed.outcome.results) {
    if (!each.ok()) counts_.failed_requests++;
    if (each.key == command::RequestResult::Key::kReplayed) counts_.replayed_requests++;
  }
  applied_index_ = std::max(applied_index_, landed.outcome.index);
  return {std::move(landed), take_settled()};
}

void WriteQueue::finish_landing(Landing landing) {
  auto& [requests, outcome, took] = landing.landed;
  outcome.results.resize(requests.size());
  for (std::size_t i = 0; i < requests.size(); i++) {
    if (!requests[i].waiter) continue;
    requests[i].waiter->applied(requests[i].number, outcome.index, std::move(outcome.results[i]));
  }
  for (const std::function<void()>& each : landing.settled) each();
  MutexLock lock(mutex_);
  landing_--;
  // Under the lock: once drain() has seen it, the queue may be gone.
  landed_.notify_all();
}

void WriteQueue::on_stream_applied(std::uint64_t epoch, std::uint64_t first, raft::Index index,
                                   std::vector<command::RequestResult> results) {
  // Those of an earlier start have nobody here who waits for them.
  if (epoch != epoch_) return;
  MutexLock lock(mutex_);
  pipeline_.applied_here(first, {index, std::move(results)});
  landed_.notify_all();
}

void WriteQueue::on_failed(std::uint64_t first, const Status& why) {
  bool never = false;
  {
    MutexLock lock(mutex_);
    counts_.failures[static_cast<std::size_t>(failure_of(why.code()))]++;
    never = pipeline_.failed(first, why, clock_.now());
  }
  if (never) log("queue", "the batch from {} on cannot be stored: {}", first, why.text());
  changed_.notify_one();
}

}  // namespace rqlite::queue
