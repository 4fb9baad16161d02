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
  const bool at_once = draining_ || waiters_ > 0 || waiting_.size() >= limits_.batch_size ||
                       bytes_ >= limits_.batch_bytes_max || waiting_.size() >= limits_.capacity;
  if (at_once) return oldest();
  if (limits_.timeout <= std::chrono::nanoseconds(0)) return std::nullopt;
  return oldest() + limits_.timeout;
}

std::vector<Request> Batcher::take() {
  const std::size_t count = prefix_that_fits();
  CHECK(count > 0);
  std::vector<Request> batch;
  batch.reserve(count);
  for (std::size_t i = 0; i < count; i++) {
    Request& request = waiting_.front().request;
    bytes_ -= request.encoded.size();
    if (request.waiter) waiters_--;
    batch.push_back(std::move(request));
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
