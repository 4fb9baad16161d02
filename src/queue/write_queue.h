#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "queue/batcher.h"
#include "queue/sequence_numbers.h"
#include "store/write.h"

namespace rqlite::queue {

// Whoever waits for room in a full queue. Exactly one of the two is called, once, on the queue's
// thread; must not block.
class RoomWaiter {
 public:
  virtual ~RoomWaiter() = default;
  // The request has its number. The return value, if not null, waits for its verdict.
  virtual std::unique_ptr<Waiter> accepted(std::uint64_t number) = 0;
  // The request was not queued.
  virtual void refused(const Status& why) = 0;
};

// The write queue: takes small requests from many clients and sends them on in batches, each of
// which costs one entry of the log.
//
// Order: of numbers and of execution, the same. The verdicts of a batch may still be on their way
// when those of the next begin. Outcome: each accepted request with a waiter gets exactly one
// verdict; a batch that the target refuses for now is sent again, in its place, until it is taken.
// Bounds: Batcher::Limits; one batch is on its way at a time. Threads: all methods from any thread;
// no caller ever blocks, but drain()'s. Stop: the destructor refuses and fails whatever is left.
class WriteQueue {
 public:
  // `target` must outlive the queue and every write it took.
  WriteQueue(Batcher::Limits limits, SequenceNumbers numbers, store::WriteTarget& target,
             const Clock& clock);
  ~WriteQueue();
  WriteQueue(const WriteQueue&) = delete;
  WriteQueue& operator=(const WriteQueue&) = delete;

  // Accepts the request and returns its number. kFull, kTooLarge or kUnavailable: nothing was
  // queued, and both arguments are as they were.
  Result<std::uint64_t> push(Bytes& encoded, std::unique_ptr<Waiter>& waiter) EXCLUDES(mutex_);

  // As push(), but waits for room until `deadline`, behind those that wait already.
  void push_when_room(Bytes encoded, std::unique_ptr<RoomWaiter> waiter, TimePoint deadline)
      EXCLUDES(mutex_);

  // From now on refuses new requests, those that wait for room included, and lets what waits for
  // company go.
  void refuse_new() EXCLUDES(mutex_);

  // Likewise, and blocks until what was accepted is stored or `patience` is over.
  struct Left {
    std::size_t requests = 0;
    std::uint64_t first = 0;  // number
    std::uint64_t last = 0;
  };
  Left drain(std::chrono::nanoseconds patience) EXCLUDES(mutex_);

  struct Report {
    std::size_t depth = 0;       // requests that wait
    std::size_t bytes = 0;       // of these
    std::size_t in_flight = 0;   // requests on their way
    std::uint64_t accepted = 0;  // highest number; 0 if none
    std::uint64_t applied = 0;   // likewise
    std::uint64_t batches = 0;   // applied
    std::uint64_t failed_requests = 0;
  };
  [[nodiscard]] Report report() EXCLUDES(mutex_);
  [[nodiscard]] const Batcher::Limits& limits() const { return limits_; }

 private:
  struct RoomRequest {
    Bytes encoded;
    std::unique_ptr<RoomWaiter> waiter;
    TimePoint deadline;
  };
  // The batch on its way: what was sent, to be sent again, and who waits.
  struct Flight {
    std::vector<Request> requests;
    Bytes batch;
  };
  // Brings the target's answer back.
  class Answer;

  void run() EXCLUDES(mutex_);
  // Waits until there is something to do. False: stop.
  bool wait_for_work() EXCLUDES(mutex_);
  [[nodiscard]] bool has_work(TimePoint now) const REQUIRES(mutex_);
  [[nodiscard]] std::optional<TimePoint> next_event() const REQUIRES(mutex_);
  void extend_numbers() EXCLUDES(mutex_);
  void admit_and_expire() EXCLUDES(mutex_);
  void send_batch() EXCLUDES(mutex_);
  void on_applied(raft::Index index, std::vector<command::RequestResult> results) EXCLUDES(mutex_);
  void on_failed(const Status& why) EXCLUDES(mutex_);
  // Tells the waiters of a batch, then drain() that it is done with.
  void land(Flight flight, raft::Index index, std::vector<command::RequestResult> results)
      EXCLUDES(mutex_);
  void fail(Flight flight, const Status& why) EXCLUDES(mutex_);
  void end_landing() EXCLUDES(mutex_);

  // Constant after construction.
  const Batcher::Limits limits_;
  store::WriteTarget& target_;
  const Clock& clock_;

  Mutex mutex_;
  CondVar changed_;  // something arrived, landed or failed, or stopping_ was set
  CondVar landed_;   // a batch has its verdicts: drain() looks again
  SequenceNumbers numbers_ GUARDED_BY(mutex_);
  Batcher batcher_ GUARDED_BY(mutex_);
  std::deque<RoomRequest> room_waiters_ GUARDED_BY(mutex_);
  std::optional<Flight> flight_ GUARDED_BY(mutex_);
  std::size_t landing_ GUARDED_BY(mutex_) = 0;  // batches whose waiters are being told
  bool must_resend_ GUARDED_BY(mutex_) = false;
  TimePoint resend_at_ GUARDED_BY(mutex_);
  TimePoint extend_at_ GUARDED_BY(mutex_);
  std::chrono::nanoseconds backoff_ GUARDED_BY(mutex_){};
  bool draining_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::uint64_t accepted_ GUARDED_BY(mutex_) = 0;
  std::uint64_t applied_ GUARDED_BY(mutex_) = 0;
  std::uint64_t batches_ GUARDED_BY(mutex_) = 0;
  std::uint64_t failed_requests_ GUARDED_BY(mutex_) = 0;

  Thread thread_;
};

}  // namespace rqlite::queue
