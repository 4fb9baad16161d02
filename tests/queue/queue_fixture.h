#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"
#include "queue/write_queue.h"

namespace rqlite::queue {

// What waiters were told, in order: "a applied", "b refused: queue is full". Thread-safe.
class Told {
 public:
  void add(std::string line) EXCLUDES(mutex_);
  [[nodiscard]] std::vector<std::string> lines() EXCLUDES(mutex_);
  // All lines, once there are `count`.
  std::vector<std::string> await(std::size_t count) EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> lines_ GUARDED_BY(mutex_);
};

class ToldWaiter final : public Waiter {
 public:
  ToldWaiter(Told& told, std::string name) : told_(told), name_(std::move(name)) {}
  void applied(std::uint64_t number, raft::Index index, command::RequestResult result) override;
  void failed(std::uint64_t number, const Status& why) override;

 private:
  Told& told_;
  const std::string name_;
};

// What it tells last is the request's verdict, if it gets that far. With `tells_all`, also that it
// was accepted.
class ToldRoomWaiter final : public RoomWaiter {
 public:
  ToldRoomWaiter(Told& told, std::string name, bool tells_all = false)
      : told_(told), name_(std::move(name)), tells_all_(tells_all) {}
  std::unique_ptr<Waiter> accepted(std::uint64_t number) override;
  void refused(const Status& why) override;

 private:
  Told& told_;
  const std::string name_;
  const bool tells_all_;
};

// One request with one statement: its name.
Bytes encode_request(const std::string& name);

// The requests of a batch: each one's name; "-" if it does nothing; or why it is to fail, in
// parentheses.
std::vector<std::string> names_in(const Bytes& batch);

// A batch as the target was given it, to be answered by the test.
struct Sent {
  using Errors = std::map<std::string, std::string>;

  Bytes batch;
  std::uint64_t epoch = 0;
  std::uint64_t first = 0;
  std::unique_ptr<store::Write> write;
  // Then it is no batch, but the question whether the leader has applied that.
  std::optional<raft::Index> stored_at;

  // Separated by blanks.
  [[nodiscard]] std::string names() const;
  // Every request succeeds, but for those that are named with an error and those that are to fail.
  [[nodiscard]] std::vector<command::RequestResult> results(const Errors& errors = {}) const;
  void apply(const Errors& errors = {}) { write->applied(raft::Index(1), results(errors)); }
  void fail(Code code, std::string text = "because") { write->failed({code, std::move(text)}); }
};

// Takes batches in and keeps them until the test answers. Thread-safe.
class FakeTarget final : public store::StreamTarget {
 public:
  void write(Bytes batch, std::uint64_t epoch, std::uint64_t first,
             std::unique_ptr<store::Write> write) override EXCLUDES(mutex_);
  void confirm(raft::Index index, std::unique_ptr<store::Write> write) override EXCLUDES(mutex_);
  void listen(store::StreamListener* listener) override EXCLUDES(mutex_);

  // Blocks until there is a batch, or a question.
  Sent take() EXCLUDES(mutex_);
  std::optional<Sent> try_take() EXCLUDES(mutex_);
  // From now on `what` happens within each write(), once the batch can be taken.
  void during_write(std::function<void()> what) EXCLUDES(mutex_);
  // Null if nobody listens.
  [[nodiscard]] store::StreamListener* listener() EXCLUDES(mutex_);

 private:
  Sent pop() REQUIRES(mutex_);

  Mutex mutex_;
  CondVar changed_;
  std::deque<Sent> sent_ GUARDED_BY(mutex_);
  std::function<void()> during_write_ GUARDED_BY(mutex_);
  store::StreamListener* listener_ GUARDED_BY(mutex_) = nullptr;
};

// Limits in these tests: 4 requests may wait, 3 are due at once, 50ms; one batch under way.
class WriteQueueTest : public ::testing::Test {
 protected:
  static constexpr WriteQueue::Limits kLimits{.waiting = {.capacity = 4,
                                                          .bytes_max = 1000,
                                                          .batch_size = 3,
                                                          .batch_bytes_max = 500,
                                                          .timeout = std::chrono::milliseconds(50)},
                                              .under_way = {.batches = 1, .bytes = 1000}};

  explicit WriteQueueTest(WriteQueue::Limits limits = kLimits);

  void restart(WriteQueue::Limits limits = kLimits, std::uint64_t numbers_block = 1'000'000);

  // Each returns kOk if the request was accepted.
  Code push_encoded(Bytes encoded, std::unique_ptr<Waiter> waiter);
  Code push(const std::string& name) { return push_encoded(encode_request(name), nullptr); }
  Code push_and_wait(const std::string& name) {
    return push_encoded(encode_request(name), std::make_unique<ToldWaiter>(told_, name));
  }
  // A request for nothing but its place in the order.
  Code push_checkpoint(const std::string& name) {
    return push_encoded({}, std::make_unique<ToldWaiter>(told_, name));
  }
  std::uint64_t push_when_room(const std::string& name, std::chrono::nanoseconds patience) {
    return queue_->push_when_room(encode_request(name),
                                  std::make_unique<ToldRoomWaiter>(told_, name),
                                  clock_.now() + patience);
  }
  // What drain() leaves behind of the first requests: so many were persisted, and of so many behind
  // them each is said.
  [[nodiscard]] WriteQueue::Left left_behind(std::uint64_t in_doubt, std::uint64_t not_stored,
                                             std::uint64_t persisted = 0) const;
  // The queue's thread has nothing to do until so much later.
  void expect_quiet_for(std::chrono::nanoseconds time);
  // The target, to which nobody was waiting any more, says that `sent` was applied.
  void tell_listener(const Sent& sent, const Sent::Errors& errors = {});

  SimFileSystem files_;
  FakeClock clock_;
  Told told_;
  FakeTarget target_;
  std::uint64_t first_ = 0;  // number of the first request
  std::unique_ptr<WriteQueue> queue_;
};

// One batch under way, and all the requests wait that may.
class FullWriteQueueTest : public WriteQueueTest {
 protected:
  FullWriteQueueTest();

  std::optional<Sent> flight_;
};

}  // namespace rqlite::queue
