#include "queue/batcher.h"

#include <utility>

#include "base/check.h"

namespace rqlite::queue {

Status Batcher::has_room(std::size_t bytes) const {
  if (bytes > limits_.bytes_max) {
    return {Code::kTooLarge, "the request is larger than the write queue"};
  }
  const bool full = waiting_.size() >= limits_.capacity || bytes_ + bytes > limits_.bytes_max;
  return full ? Status(Code::kFull, "queue is full") : Status();
}

void Batcher::push(Request request, TimePoint now) {
  CHECK(has_room(request.encoded.size()).ok());
  bytes_ += request.encoded.size();
  if (request.waiter) waiters_++;
  waiting_.push_back({std::move(request), now});
}

std::optional<TimePoint> Batcher::due() const {
  if (waiting_.empty()) return std::nullopt;
  if (due_at_once()) return oldest();
  if (limits_.timeout <= std::chrono::nanoseconds(0)) return std::nullopt;
  return later(oldest(), limits_.timeout);
}

std::optional<FlushReason> Batcher::due_at_once() const {
  if (waiting_.size() >= limits_.batch_size || waiting_.size() >= limits_.capacity ||
      bytes_ >= limits_.batch_bytes_max) {
    return FlushReason::kSize;
  }
  if (waiters_ > 0) return FlushReason::kWaiter;
  if (draining_) return FlushReason::kDrain;
  return std::nullopt;
}

Batch Batcher::take() {
  const std::size_t count = prefix_that_fits();
  CHECK(count > 0);
  Batch batch;
  batch.reason = due_at_once().value_or(FlushReason::kTime);
  batch.requests.reserve(count);
  batch.arrived.reserve(count);
  for (std::size_t i = 0; i < count; i++) {
    Request& request = waiting_.front().request;
    bytes_ -= request.encoded.size();
    if (request.waiter) waiters_--;
    batch.arrived.push_back(waiting_.front().arrived);
    batch.requests.push_back(std::move(request));
    waiting_.pop_front();
  }
  return batch;
}

std::size_t Batcher::prefix_that_fits() const {
  std::size_t bytes = 0;
  std::size_t count = 0;
  for (const Waiting& each : waiting_) {
    bytes += each.request.encoded.size();
    if (count > 0 && bytes > limits_.batch_bytes_max) break;
    count++;
  }
  return count;
}

}  // namespace rqlite::queue
