#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/status.h"
#include "command/result.h"
#include "queue/batcher.h"
#include "raft/types.h"

namespace rqlite::queue {

// The batches on their way, in order, until it is known of each that the leader has applied it.
//
// Several may be under way at a time. The target applies a batch only after those before it, and
// only once (store::StreamTarget): so whatever becomes of one, it and those behind it are sent
// again, in order, until all were applied. What can never be stored is sent as requests that do
// nothing but fail. Holds no thread, lock or clock. Not thread-safe.
class Pipeline {
 public:
  struct Limits {
    std::size_t batches = 4;
    std::size_t bytes = 16 << 20;  // with so many under way, no other batch joins them
  };

  // A batch to be sent.
  struct Send {
    std::uint64_t first = 0;  // number of its first request
    std::uint64_t attempt = 0;
    Bytes batch;
    // Where it is in the log: instead of sending it, the leader is to be asked whether it has
    // applied that.
    std::optional<raft::Index> stored_at;
  };

  // What a batch did.
  struct Outcome {
    raft::Index index;
    std::vector<command::RequestResult> results;
  };

  // A batch that was applied.
  struct Landed {
    std::vector<Request> requests;
    Outcome outcome;
    std::chrono::nanoseconds took{};  // since it left the queue
  };

  explicit Pipeline(Limits limits) : limits_(limits) {}

  // Whether another batch may go.
  [[nodiscard]] bool has_room() const;
  // Takes over a batch that follows the last one, whose oldest request arrived then.
  // Precondition: has_room().
  void add(std::vector<Request> requests, TimePoint arrived, TimePoint now);

  // When there is something to send; nullopt: not before something changes.
  [[nodiscard]] std::optional<TimePoint> due() const;
  // The next batch to send, which counts as sent from now on. Nullopt if there is none now.
  [[nodiscard]] std::optional<Send> next_to_send(TimePoint now);

  // The batch of that attempt is in the log for good.
  void committed(std::uint64_t first, std::uint64_t attempt);
  // This node has applied it, so it is in the log for good. The leader may not have come to it yet,
  // and whoever reads there would miss it: so it lands only when the leader has.
  void applied_here(std::uint64_t first, Outcome outcome);
  // The leader has applied it, and it did `told`: takes it out. Nullopt if the end has taken it out
  // already. What this node saw it do counts more: of a batch that comes again less may be kept.
  [[nodiscard]] std::optional<Landed> applied(std::uint64_t first, Outcome told, TimePoint now);
  // That attempt did not apply it, or nobody knows. Returns whether it has now become one that
  // fails.
  bool failed(std::uint64_t first, const Status& why, TimePoint now);

  // For the end, when nobody is asked any more. Takes the first batch out if this node has applied
  // it; then whatever is left.
  [[nodiscard]] std::optional<Landed> take_applied_here(TimePoint now);
  [[nodiscard]] std::vector<Request> take_all();
  // Whether there are batches, and this node has applied them all.
  [[nodiscard]] bool is_applied_here() const;

  [[nodiscard]] std::size_t batches() const { return flights_.size(); }
  [[nodiscard]] std::size_t requests() const { return requests_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // Arrival of the oldest request. Precondition: batches() > 0.
  [[nodiscard]] TimePoint oldest() const { return flights_.front().arrived; }
  // The highest number so that it and all below are applied, or committed; 0: none yet.
  [[nodiscard]] std::uint64_t applied_to() const { return applied_; }
  [[nodiscard]] std::uint64_t committed_to() const { return committed_; }
  // The highest number that may be stored, if nothing is sent any more: it was sent, and nobody has
  // said that it never will be. Whatever follows one that is not stored is not stored either.
  [[nodiscard]] std::uint64_t possible_to() const;

 private:
  struct Flight {
    std::uint64_t first = 0;
    std::vector<Request> requests;
    Bytes batch;
    TimePoint arrived;  // the oldest of them
    TimePoint taken;
    std::uint64_t attempt = 0;  // of the last send; 0: to be sent
    // Since then it failed, or one before it, without which it is not applied: what is said of
    // that attempt does not count.
    bool in_vain = false;
    bool committed = false;
    std::optional<Outcome> here;  // what it did, if this node has applied it
    bool in_doubt = false;  // an attempt that is over may have stored it, for all that is known
    bool refused = false;   // its requests do nothing but fail

    [[nodiscard]] std::uint64_t last() const { return first + requests.size() - 1; }
  };
  std::deque<Flight>::iterator find(std::uint64_t first);
  Landed land(std::deque<Flight>::iterator flight, Outcome outcome, TimePoint now);
  void note_progress();

  const Limits limits_;
  std::deque<Flight> flights_;
  std::size_t requests_ = 0;
  std::size_t bytes_ = 0;       // of the batches
  std::uint64_t attempts_ = 0;  // so far
  std::chrono::nanoseconds backoff_{};
  TimePoint not_before_{};
  std::uint64_t last_added_ = 0;
  std::uint64_t applied_ = 0;
  std::uint64_t committed_ = 0;
};

}  // namespace rqlite::queue
