#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/histogram.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "queue/batcher.h"
#include "queue/pipeline.h"
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

// How far a request has come, as far as the queue that took it can tell.
enum class Progress {
  kUnknown,    // no number of this start
  kQueued,     // waits, or is on its way
  kPersisted,  // in the log for good
  kSettled,    // applied, or failed: the store knows which, once it has come to applied_index()
};

// Why an attempt to have a batch stored failed: nobody led, another node did, this node lost the
// lead meanwhile (or the batch's fate is unknown for another reason), anything else.
enum class AttemptFailure : std::uint8_t { kNoLeader, kNotLeader, kLost, kOther };
inline constexpr std::size_t kAttemptFailures = 4;

// The write queue: takes small requests from many clients and sends them on in batches, each of
// which costs one entry of the log.
//
// Order: of numbers and of execution, the same. Outcome: each accepted request is executed once,
// or fails visibly, and if it has a waiter, that one gets exactly one verdict; a batch whose fate
// is unknown is sent again, and the store sees to it that nothing happens twice. Bounds:
// Batcher::Limits and Pipeline::Limits. Threads: all methods from any thread; no caller ever
// blocks, but drain()'s. A caller whose request is due sends the batch itself; the queue's thread
// does what has to wait. Stop: the destructor refuses and fails whatever is left.
class WriteQueue final : private store::StreamListener {
 public:
  struct Limits {
    Batcher::Limits waiting;
    Pipeline::Limits under_way;
  };

  // `target` must outlive the queue and every write it took.
  WriteQueue(Limits limits, SequenceNumbers numbers, store::StreamTarget& target,
             const Clock& clock);
  ~WriteQueue() override;
  WriteQueue(const WriteQueue&) = delete;
  WriteQueue& operator=(const WriteQueue&) = delete;

  // Accepts the request and returns its number. An empty one does nothing, in its place. kFull,
  // kTooLarge or kUnavailable: nothing was queued, and both arguments are still the caller's.
  Result<std::uint64_t> push(Bytes& encoded, std::unique_ptr<Waiter>& waiter) EXCLUDES(mutex_);

  // As push(), but waits for room until `deadline`, behind those that wait already. Returns what
  // stop_waiting() takes; 0 if the waiter has been told already.
  std::uint64_t push_when_room(Bytes encoded, std::unique_ptr<RoomWaiter> waiter,
                               TimePoint deadline) EXCLUDES(mutex_);
  // Calls `settled` once the request with `number` is, on a thread of the queue's or the target's;
  // or at once, or when the queue goes down, on the thread that takes it down. Must not block.
  std::uint64_t when_settled(std::uint64_t number, std::function<void()> settled) EXCLUDES(mutex_);
  // Whoever waits under `ticket`, of either kind, is gone: what it held is freed, and it is not
  // told any more, unless it is being told right now.
  void stop_waiting(std::uint64_t ticket) EXCLUDES(mutex_);

  [[nodiscard]] Progress progress(std::uint64_t number) EXCLUDES(mutex_);
  // Up to there is in the log what has settled.
  [[nodiscard]] raft::Index applied_index() EXCLUDES(mutex_);

  // Numbers that follow one another; none if `last` is below `first`.
  struct Numbers {
    std::uint64_t first = 1;
    std::uint64_t last = 0;

    [[nodiscard]] std::uint64_t count() const { return last + 1 - first; }
    friend bool operator==(const Numbers&, const Numbers&) = default;
  };
  // What is not persisted when the queue stops.
  struct Left {
    Numbers in_doubt;    // may be stored: the target has them, or may have
    Numbers not_stored;  // and never will be

    [[nodiscard]] bool nothing() const { return in_doubt.count() + not_stored.count() == 0; }
    friend bool operator==(const Left&, const Left&) = default;
  };

  // From now on refuses new requests, those that wait for room included, and lets what waits for
  // company go.
  void refuse_new() EXCLUDES(mutex_);
  // Likewise, and blocks until what was accepted is applied, `patience` is over, or give_up(). Then
  // whoever still waits is told what is known of the request: what it did, if this node has applied
  // it, although the leader may not have come to it.
  // The target is called no more after that: it may close, if it answers what it still has.
  Left drain(std::chrono::nanoseconds patience) EXCLUDES(mutex_);
  void give_up() EXCLUDES(mutex_);

  struct Report {
    std::size_t depth = 0;                  // requests that wait
    std::size_t bytes = 0;                  // of these
    std::size_t in_flight = 0;              // requests on their way
    std::uint64_t accepted = 0;             // highest number; 0 if none
    std::uint64_t persisted = 0;            // likewise
    std::uint64_t applied = 0;              // likewise
    std::chrono::nanoseconds oldest_age{};  // of the requests that wait or are on their way
    std::size_t waiting_for_room = 0;
    // Since the start:
    std::uint64_t requests = 0;  // accepted
    std::uint64_t batches = 0;   // applied
    std::array<std::uint64_t, kFlushReasons> flushes{};
    std::uint64_t statements_accepted = 0;
    std::uint64_t statements_sent = 0;     // in batches that left, each counted once
    std::uint64_t statements_applied = 0;  // in batches that were applied, or failed for good
    std::array<std::uint64_t, kAttemptFailures> failures{};
    std::uint64_t resends = 0;          // of batches
    std::uint64_t failed_requests = 0;  // applied, and something of them failed
    std::uint64_t replayed_requests = 0;
    std::uint64_t refused_full = 0;  // no room in time
    std::uint64_t refused_large = 0;
    std::uint64_t refused_stopping = 0;
    Histogram batch_requests;  // requests in a batch
    Histogram queue_seconds;   // of a request, until it left in a batch
    Histogram commit_seconds;  // of a batch, until it was applied
  };
  [[nodiscard]] Report report() EXCLUDES(mutex_);
  [[nodiscard]] const Batcher::Limits& limits() const { return limits_.waiting; }

 private:
  struct RoomRequest {
    Bytes encoded;
    std::unique_ptr<RoomWaiter> waiter;
    TimePoint deadline;
    std::size_t statements;
  };
  // Brings the target's answer back.
  class Answer;

  void run() EXCLUDES(mutex_);
  // Waits until there is something to do. False: stop.
  bool wait_for_work() EXCLUDES(mutex_);
  [[nodiscard]] std::optional<TimePoint> next_event() const REQUIRES(mutex_);
  // When the next batch is to leave, if there is room for it.
  [[nodiscard]] std::optional<TimePoint> batch_due() const REQUIRES(mutex_);
  [[nodiscard]] bool admits_somebody() const REQUIRES(mutex_);
  void extend_numbers() EXCLUDES(mutex_);
  void admit_and_expire() EXCLUDES(mutex_);
  // Sends all batches that are due.
  void send_due() EXCLUDES(mutex_);
  std::optional<Pipeline::Send> next_to_send() REQUIRES(mutex_);
  void stop_listening() EXCLUDES(mutex_);
  void enqueue(Request request) REQUIRES(mutex_);

  void on_committed(std::uint64_t first, std::uint64_t attempt) EXCLUDES(mutex_);
  void on_applied(std::uint64_t first, raft::Index index,
                  std::vector<command::RequestResult> results) EXCLUDES(mutex_);
  // A batch whose requests are to be told.
  struct Landing {
    Pipeline::Landed landed;
    std::vector<std::function<void()>> settled;
  };
  Landing begin_landing(Pipeline::Landed landed) REQUIRES(mutex_);
  void finish_landing(Landing landing) EXCLUDES(mutex_);
  void land_applied_here() EXCLUDES(mutex_);
  void on_failed(std::uint64_t first, const Status& why) EXCLUDES(mutex_);
  void on_stream_applied(std::uint64_t epoch, std::uint64_t first, raft::Index index,
                         std::vector<command::RequestResult> results) override EXCLUDES(mutex_);
  // Tells all who still wait that nothing more will happen here.
  Left tell_rest() EXCLUDES(mutex_);
  // Whoever waits for numbers that are settled now.
  std::vector<std::function<void()>> take_settled() REQUIRES(mutex_);

  // Constant after construction.
  const Limits limits_;
  const std::uint64_t epoch_;
  store::StreamTarget& target_;
  const Clock& clock_;

  Mutex mutex_;
  CondVar changed_;  // next_event() may be earlier, or stopping_ was set
  CondVar landed_;   // drain() looks again: a batch has its verdicts, gave_up_ was set, or
                     // sending_ was reset
  SequenceNumbers numbers_ GUARDED_BY(mutex_);
  Batcher batcher_ GUARDED_BY(mutex_);
  Pipeline pipeline_ GUARDED_BY(mutex_);
  // By ticket, so in the order in which they came.
  std::map<std::uint64_t, RoomRequest> room_waiters_ GUARDED_BY(mutex_);
  struct Settling {
    std::uint64_t ticket;
    std::function<void()> settled;
  };
  std::multimap<std::uint64_t, Settling> settling_ GUARDED_BY(mutex_);  // by number
  std::uint64_t tickets_ GUARDED_BY(mutex_) = 0;
  bool sending_ GUARDED_BY(mutex_) = false;     // somebody is in send_due()
  std::size_t landing_ GUARDED_BY(mutex_) = 0;  // batches whose waiters are being told
  TimePoint extend_at_ GUARDED_BY(mutex_);
  bool draining_ GUARDED_BY(mutex_) = false;
  bool gave_up_ GUARDED_BY(mutex_) = false;
  bool drained_ GUARDED_BY(mutex_) = false;
  bool listening_ GUARDED_BY(mutex_) = true;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::uint64_t accepted_ GUARDED_BY(mutex_) = 0;
  raft::Index applied_index_ GUARDED_BY(mutex_);
  Report counts_ GUARDED_BY(mutex_);  // what only ever grows

  Thread thread_;
};

}  // namespace rqlite::queue
