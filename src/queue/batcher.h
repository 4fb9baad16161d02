#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/status.h"
#include "command/result.h"
#include "raft/types.h"

namespace rqlite::queue {

// Whoever waits for the verdict on a queued request. Called once, from a thread of the queue's or
// the store's; must not block.
class Waiter {
 public:
  virtual ~Waiter() = default;
  virtual void applied(std::uint64_t number, raft::Index index, command::RequestResult result) = 0;
  // kUnknown: it may still be, or may have been, applied. Any other code: it never is.
  virtual void failed(std::uint64_t number, const Status& why) = 0;
};

// A request that was accepted.
struct Request {
  std::uint64_t number = 0;
  Bytes encoded;                   // one request of command/request.h
  std::unique_ptr<Waiter> waiter;  // null: nobody waits for it
  std::size_t statements = 0;
};

// Why a batch leaves: it is large enough, or there is no room for more; its oldest request has
// waited long enough; somebody waits for a verdict; the queue is drained.
enum class FlushReason : std::uint8_t { kSize, kTime, kWaiter, kDrain };
inline constexpr std::size_t kFlushReasons = 4;

// A batch, and what is to be known of it.
struct Batch {
  std::vector<Request> requests;
  std::vector<TimePoint> arrived;  // of each
  FlushReason reason = FlushReason::kSize;
};

// Decides when waiting requests leave together as one batch.
//
// Holds no thread, lock or clock: the caller passes the time in. Not thread-safe.
//
// Invariants: requests leave in the order they came; at most Limits::capacity of them, and
// Limits::bytes_max bytes, wait; a batch takes all that wait up to `batch_bytes_max`, except that
// one larger request travels alone rather than wait for ever.
class Batcher {
 public:
  struct Limits {
    std::size_t capacity = 1024;            // requests allowed to wait
    std::size_t bytes_max = 64 << 20;       // encoded bytes allowed to wait, and in one request
    std::size_t batch_size = 128;           // this many are due at once
    std::size_t batch_bytes_max = 4 << 20;  // encoded bytes in one batch
    std::chrono::nanoseconds timeout{
        std::chrono::milliseconds(50)};  // the longest a request
                                         // waits for company; 0: until there is enough
  };

  explicit Batcher(Limits limits) : limits_(limits) {}

  // Whether a request of this size may be pushed now: ok, kFull, or kTooLarge for ever.
  [[nodiscard]] Status has_room(std::size_t bytes) const;

  // Appends `request`. Precondition: has_room().
  void push(Request request, TimePoint now);

  // When the next batch should leave: at once if enough wait or somebody waits for a verdict,
  // otherwise the oldest request's arrival plus `timeout`; nullopt if nothing is to leave.
  [[nodiscard]] std::optional<TimePoint> due() const;

  // From now on whatever waits is due at once.
  void drain() { draining_ = true; }

  // Removes and returns the next batch. Precondition: requests() > 0.
  [[nodiscard]] Batch take();

  [[nodiscard]] std::size_t requests() const { return waiting_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // Arrival of the oldest request. Precondition: requests() > 0.
  [[nodiscard]] TimePoint oldest() const { return waiting_.front().arrived; }

 private:
  struct Waiting {
    Request request;
    TimePoint arrived;
  };

  // Why a batch is due at once; nullopt if none is.
  [[nodiscard]] std::optional<FlushReason> due_at_once() const;
  // Length of the longest prefix of `waiting_` that fits in one batch.
  [[nodiscard]] std::size_t prefix_that_fits() const;

  const Limits limits_;
  std::deque<Waiting> waiting_;
  std::size_t bytes_ = 0;    // of waiting_
  std::size_t waiters_ = 0;  // in waiting_
  bool draining_ = false;
};

}  // namespace rqlite::queue
