#include "queue/write_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "command/command.h"
#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"

namespace rqlite::queue {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What waiters were told, in order: "a applied", "b refused: queue is full". Thread-safe.
class Told {
 public:
  void add(std::string line) {
    {
      MutexLock lock(mutex_);
      lines_.push_back(std::move(line));
    }
    changed_.notify_all();
  }
  [[nodiscard]] std::vector<std::string> lines() {
    MutexLock lock(mutex_);
    return lines_;
  }
  // All lines, once there are `count`.
  std::vector<std::string> await(std::size_t count) {
    MutexLock lock(mutex_);
    while (lines_.size() < count) changed_.wait(mutex_);
    return lines_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> lines_ GUARDED_BY(mutex_);
};

class ToldWaiter final : public Waiter {
 public:
  ToldWaiter(Told& told, std::string name) : told_(told), name_(std::move(name)) {}
  void applied(std::uint64_t, raft::Index, command::RequestResult result) override {
    told_.add(name_ + (result.ok() ? " applied" : " applied: " + result.error));
  }
  void failed(std::uint64_t, const Status& why) override {
    told_.add(name_ + " failed: " + why.text());
  }

 private:
  Told& told_;
  const std::string name_;
};

// What it is told of last is the request's verdict, if it gets that far.
class ToldRoomWaiter final : public RoomWaiter {
 public:
  ToldRoomWaiter(Told& told, std::string name) : told_(told), name_(std::move(name)) {}
  std::unique_ptr<Waiter> accepted(std::uint64_t) override {
    return std::make_unique<ToldWaiter>(told_, name_);
  }
  void refused(const Status& why) override { told_.add(name_ + " refused: " + why.text()); }

 private:
  Told& told_;
  const std::string name_;
};

// The requests of a batch by their names, separated by blanks.
std::string names_of(const Bytes& batch) {
  const std::optional<command::Command> command = command::decode_command(batch);
  if (!command) return "malformed";
  std::string names;
  for (const BytesView request : command->requests) {
    command::RequestReader reader(request);
    if (!reader.next()) return "malformed";
    names += (names.empty() ? "" : " ") + std::string(reader.sql());
  }
  return names;
}

// A batch as the target was given it, to be answered by the test.
struct Sent {
  Bytes batch;
  std::unique_ptr<store::Write> write;

  [[nodiscard]] std::string names() const { return names_of(batch); }

  // Every request succeeds, but those that are named with an error.
  void apply(const std::map<std::string, std::string>& errors = {}) {
    std::vector<command::RequestResult> results;
    std::istringstream all(names());
    for (std::string name; all >> name;) {
      const auto error = errors.find(name);
      results.emplace_back().error = error == errors.end() ? "" : error->second;
    }
    write->applied(raft::Index(1), std::move(results));
  }
  void fail(Code code, std::string text = "because") { write->failed({code, std::move(text)}); }
};

// Takes batches in and keeps them until the test answers. Thread-safe.
class FakeTarget final : public store::WriteTarget {
 public:
  void write(Bytes batch, std::unique_ptr<store::Write> write) override {
    {
      MutexLock lock(mutex_);
      sent_.push_back({std::move(batch), std::move(write)});
    }
    changed_.notify_all();
  }
  // Blocks until there is a batch.
  Sent take() {
    MutexLock lock(mutex_);
    while (sent_.empty()) changed_.wait(mutex_);
    return pop();
  }
  std::optional<Sent> try_take() {
    MutexLock lock(mutex_);
    return sent_.empty() ? std::nullopt : std::optional(pop());
  }

 private:
  Sent pop() REQUIRES(mutex_) {
    Sent first = std::move(sent_.front());
    sent_.pop_front();
    return first;
  }

  Mutex mutex_;
  CondVar changed_;
  std::deque<Sent> sent_ GUARDED_BY(mutex_);
};

// Limits in these tests: 4 requests may wait, 3 are due at once, 50ms.
class WriteQueueTest : public ::testing::Test {
 protected:
  static constexpr Batcher::Limits kLimits{
      .capacity = 4, .bytes_max = 1000, .batch_size = 3, .batch_bytes_max = 500, .timeout = 50ms};

  WriteQueueTest() {
    EXPECT_TRUE(files_.make_directories("/data").ok());
    restart();
  }

  void restart(Batcher::Limits limits = kLimits, std::uint64_t numbers_block = 1'000'000) {
    queue_.reset();
    auto numbers = SequenceNumbers::open(files_, "/data/numbers", clock_, numbers_block);
    EXPECT_TRUE(numbers.ok());
    first_ = static_cast<std::uint64_t>(
        std::chrono::nanoseconds(clock_.wall_now().time_since_epoch()).count());
    queue_ = std::make_unique<WriteQueue>(limits, std::move(*numbers), target_, clock_);
  }

  static Bytes request(const std::string& name) {
    Bytes encoded;
    command::RequestBuilder(encoded, {}).begin_statement(name);
    return encoded;
  }

  // Each returns kOk if the request was accepted.
  Code push_encoded(Bytes encoded, std::unique_ptr<Waiter> waiter) {
    return queue_->push(encoded, waiter).status().code();
  }
  Code push(const std::string& name) { return push_encoded(request(name), nullptr); }
  Code push_and_wait(const std::string& name) {
    return push_encoded(request(name), std::make_unique<ToldWaiter>(told_, name));
  }
  // A request for nothing but its place in the order.
  Code push_checkpoint(const std::string& name) {
    return push_encoded({}, std::make_unique<ToldWaiter>(told_, name));
  }
  void push_when_room(const std::string& name, std::chrono::nanoseconds patience) {
    queue_->push_when_room(request(name), std::make_unique<ToldRoomWaiter>(told_, name),
                           clock_.now() + patience);
  }
  // The queue's thread has nothing to do until so much later.
  void expect_quiet_for(std::chrono::nanoseconds time) {
    clock_.await_sleeper(clock_.now() + time);
    EXPECT_FALSE(target_.try_take().has_value());
  }

  SimFileSystem files_;
  FakeClock clock_;
  Told told_;
  FakeTarget target_;
  std::uint64_t first_ = 0;  // number of the first request
  std::unique_ptr<WriteQueue> queue_;
};

// Batching.

TEST_F(WriteQueueTest, ALoneRequestWaitsForCompanyButNotForEver) {
  push("a");
  expect_quiet_for(50ms);
  clock_.advance(30ms);
  push("b");
  expect_quiet_for(20ms);
  clock_.advance(20ms);
  Sent sent = target_.take();
  EXPECT_EQ(sent.names(), "a b");
  sent.apply();
}

TEST_F(WriteQueueTest, EnoughRequestsLeaveAtOnce) {
  for (const char* name : {"a", "b", "c"}) push(name);
  Sent sent = target_.take();
  EXPECT_EQ(sent.names(), "a b c");
  sent.apply();
}

TEST_F(WriteQueueTest, ARequestWithAWaiterLeavesAtOnceAndTakesTheOthersAlong) {
  push("a");
  push_and_wait("b");
  Sent sent = target_.take();
  EXPECT_EQ(sent.names(), "a b");
  sent.apply();
  EXPECT_THAT(told_.lines(), ElementsAre("b applied"));
}

TEST_F(WriteQueueTest, WhatArrivesDuringAFlightIsTheNextBatch) {
  push_and_wait("a");
  Sent first = target_.take();
  for (const char* name : {"b", "c"}) push_and_wait(name);
  push("d");
  EXPECT_FALSE(target_.try_take().has_value());
  first.apply();
  Sent second = target_.take();
  EXPECT_EQ(second.names(), "b c d");
  second.apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "b applied", "c applied"));
}

TEST_F(WriteQueueTest, NumbersGrowByOneFromTheClock) {
  for (std::uint64_t i = 0; i < 3; i++) {
    Bytes encoded = request("a");
    std::unique_ptr<Waiter> nobody;
    EXPECT_EQ(*queue_->push(encoded, nobody), first_ + i);
  }
  target_.take().apply();
}

// Verdicts.

TEST_F(WriteQueueTest, EachRequestHasItsOwnOutcome) {
  push("first");
  push_and_wait("front");
  Sent front = target_.take();
  for (const char* name : {"a", "b", "c"}) push_and_wait(name);
  front.apply();
  target_.take().apply({{"b", "no such table: t"}});
  EXPECT_THAT(told_.lines(), ElementsAre("front applied", "a applied",
                                         "b applied: no such table: t", "c applied"));
  EXPECT_EQ(queue_->report().failed_requests, 1u);
}

TEST_F(WriteQueueTest, ACheckpointIsToldWhenAllBeforeItIsApplied) {
  push_and_wait("a");
  Sent first = target_.take();
  push("b");
  push_checkpoint("mark");
  push("c");
  first.apply();
  Sent second = target_.take();
  EXPECT_EQ(second.names(), "b c");
  EXPECT_THAT(told_.lines(), ElementsAre("a applied"));
  second.apply({{"c", "broken"}});
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "mark applied"));
}

TEST_F(WriteQueueTest, ACheckpointOfAnIdleQueueCostsNothing) {
  push_checkpoint("mark");
  EXPECT_THAT(told_.await(1), ElementsAre("mark applied"));
  EXPECT_FALSE(target_.try_take().has_value());
}

TEST_F(WriteQueueTest, WhatTheTargetRefusesForNowIsSentAgainInItsPlace) {
  for (const Code code :
       {Code::kDiskFull, Code::kNoLeader, Code::kNotLeader, Code::kUnavailable, Code::kFull}) {
    restart();
    push_and_wait("a");
    Sent first = target_.take();
    push_and_wait("b");
    const Bytes batch = first.batch;
    first.fail(code);
    expect_quiet_for(20ms);
    clock_.advance(20ms);
    Sent again = target_.take();
    EXPECT_EQ(again.batch, batch);
    again.apply();
    Sent second = target_.take();
    EXPECT_EQ(second.names(), "b");
    second.apply();
  }
  EXPECT_EQ(told_.lines().size(), 10u);
}

TEST_F(WriteQueueTest, ItIsSentLessAndLessOftenUntilItIsTaken) {
  push_and_wait("a");
  for (const auto pause : {20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1000ms, 1000ms}) {
    target_.take().fail(Code::kNoLeader);
    expect_quiet_for(pause);
    clock_.advance(pause);
  }
  target_.take().apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied"));
  push_and_wait("b");
  target_.take().fail(Code::kNoLeader);
  expect_quiet_for(20ms);
  clock_.advance(20ms);
  target_.take().apply();
}

TEST_F(WriteQueueTest, WhatCanNeverBeStoredFailsVisiblyAndTheQueueGoesOn) {
  for (const Code code : {Code::kFailed, Code::kUnknown, Code::kInvalid, Code::kTooLarge}) {
    push_and_wait("a");
    Sent sent = target_.take();
    push_and_wait("b");
    sent.fail(code, "too bad");
    target_.take().apply();
  }
  EXPECT_THAT(told_.await(8),
              ::testing::UnorderedElementsAre("a failed: too bad", "b applied", "a failed: too bad",
                                              "b applied", "a failed: too bad", "b applied",
                                              "a failed: too bad", "b applied"));
  EXPECT_EQ(queue_->report().failed_requests, 4u);
}

// Room.

class FullWriteQueueTest : public WriteQueueTest {
 protected:
  FullWriteQueueTest() {
    for (int i = 0; i < 3; i++) push("flying");
    flight_.emplace(target_.take());
    for (int i = 0; i < 4; i++) push("waiting");
  }

  std::optional<Sent> flight_;
};

TEST_F(FullWriteQueueTest, RefusesAndLeavesTheRequestToItsOwner) {
  Bytes encoded = request("a");
  const Bytes before = encoded;
  std::unique_ptr<Waiter> waiter = std::make_unique<ToldWaiter>(told_, "a");
  EXPECT_EQ(queue_->push(encoded, waiter).status(), Status(Code::kFull, "queue is full"));
  EXPECT_EQ(encoded, before);
  EXPECT_NE(waiter, nullptr);
  flight_->apply();
}

TEST_F(FullWriteQueueTest, RequestsWaitForRoomInOrder) {
  for (const char* name : {"a", "b", "c"}) push_when_room(name, 30s);
  expect_quiet_for(30s);
  flight_->apply();
  target_.take().apply();  // those that waited in front
  Sent sent = target_.take();
  EXPECT_EQ(sent.names(), "a b c");
  sent.apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "b applied", "c applied"));
}

TEST_F(FullWriteQueueTest, NobodyOvertakesThoseThatWaitForRoom) {
  push_when_room("a", 30s);
  EXPECT_EQ(push("b"), Code::kFull);
  flight_->apply();
  target_.take().apply();
  EXPECT_EQ(target_.take().names(), "a");
}

TEST_F(FullWriteQueueTest, WhoWaitsForRoomIsRefusedWhenItsTimeIsUp) {
  push_when_room("patient", 30s);
  push_when_room("hasty", 10s);
  expect_quiet_for(10s);
  EXPECT_THAT(told_.lines(), IsEmpty());
  clock_.advance(10s);
  EXPECT_THAT(told_.await(1), ElementsAre("hasty refused: queue is full"));
  expect_quiet_for(20s);
  clock_.advance(20s);
  EXPECT_THAT(told_.await(2),
              ElementsAre("hasty refused: queue is full", "patient refused: queue is full"));
  EXPECT_EQ(queue_->report().depth, 4u);
  flight_->apply();
}

TEST_F(FullWriteQueueTest, WhoseTimeIsUpAtOnceIsRefusedAtOnce) {
  push_when_room("a", -1s);
  EXPECT_THAT(told_.await(1), ElementsAre("a refused: queue is full"));
  flight_->apply();
}

TEST_F(WriteQueueTest, ARequestLargerThanTheQueueIsRefusedForEver) {
  EXPECT_EQ(push(std::string(2000, 'x')), Code::kTooLarge);
}

// Numbers.

TEST_F(WriteQueueTest, NumbersAreExtendedBeforeTheyRunOut) {
  restart(kLimits, 10);
  for (int i = 0; i < 100; i++) {
    push_when_room("a", 30s);
    target_.take().apply();
  }
  EXPECT_EQ(queue_->report().accepted, queue_->report().applied);
}

TEST_F(WriteQueueTest, WithoutNumbersRequestsWaitUntilTheDiskHasRoomAgain) {
  restart(kLimits, 4);
  files_.fail_after(0, ENOSPC);
  for (int i = 0; i < 4; i++) {  // all numbers there are
    push_and_wait("a");
    target_.take().apply();
  }
  push_when_room("b", 30s);
  // The first try failed; there is no second one before a second has passed.
  expect_quiet_for(1s);
  clock_.advance(1s);
  Sent sent = target_.take();
  EXPECT_EQ(sent.names(), "b");
  sent.apply();
}

// Stopping.

TEST_F(WriteQueueTest, DrainingSendsWhatWaitsAndRefusesWhatComes) {
  push("a");
  std::thread answering([&] {
    Sent sent = target_.take();
    EXPECT_EQ(sent.names(), "a");
    sent.apply();
  });
  const WriteQueue::Left left = queue_->drain(10s);
  answering.join();
  EXPECT_EQ(left.requests, 0u);
  Bytes encoded = request("b");
  std::unique_ptr<Waiter> nobody;
  EXPECT_EQ(queue_->push(encoded, nobody).status(), Status(Code::kUnavailable, "shutting down"));
  push_when_room("c", 30s);
  EXPECT_THAT(told_.lines(), ElementsAre("c refused: shutting down"));
}

TEST_F(FullWriteQueueTest, DrainingTellsThoseThatWaitForRoom) {
  push_when_room("a", 30s);
  std::thread answering([&] {
    flight_->apply();
    target_.take().apply();
  });
  EXPECT_EQ(queue_->drain(10s).requests, 0u);
  answering.join();
  EXPECT_THAT(told_.lines(), ElementsAre("a refused: shutting down"));
}

TEST_F(FullWriteQueueTest, DrainingGivesUpWhenItsPatienceEnds) {
  std::thread waiting([&] {
    const WriteQueue::Left left = queue_->drain(10s);
    const WriteQueue::Report report = queue_->report();
    EXPECT_EQ(left.requests, report.depth + report.in_flight);
    EXPECT_EQ(left.last, report.accepted);
    EXPECT_EQ(left.first, report.accepted - left.requests + 1);
  });
  clock_.await_sleeper(clock_.now() + 10s);
  clock_.advance(10s);
  waiting.join();
  flight_->apply();
}

TEST_F(WriteQueueTest, WhatIsLeftWhenItGoesIsToldSo) {
  push_and_wait("a");
  Sent sent = target_.take();
  push_and_wait("b");
  queue_.reset();
  EXPECT_THAT(told_.lines(),
              ::testing::UnorderedElementsAre("a failed: the node stopped before it was stored",
                                              "b failed: the node stopped before it was stored"));
}

TEST_F(WriteQueueTest, ReportsWhereItStands) {
  const WriteQueue::Report idle = queue_->report();
  EXPECT_EQ(idle.accepted, 0u);
  EXPECT_EQ(idle.applied, 0u);
  push_and_wait("a");
  Sent sent = target_.take();
  push("b");
  const WriteQueue::Report busy = queue_->report();
  EXPECT_EQ(busy.in_flight, 1u);
  EXPECT_EQ(busy.depth, 1u);
  EXPECT_EQ(busy.bytes, request("b").size());
  EXPECT_EQ(busy.accepted, first_ + 1);
  EXPECT_EQ(busy.applied, 0u);
  sent.apply();
  EXPECT_EQ(queue_->report().applied, first_);
  EXPECT_EQ(queue_->report().batches, 1u);
}

// Whatever arrives and however it is answered: what is accepted is sent in the order of its
// arrival, sent again only as it was, and each waiter hears exactly once. The parameter is a seed.
class WriteQueueRandomTest : public WriteQueueTest,
                             public ::testing::WithParamInterface<std::uint64_t> {
 protected:
  void arrive() {
    const std::string name = std::to_string(++arrived_);
    Bytes encoded = random_.chance(0.1) ? Bytes() : request(name);
    std::unique_ptr<Waiter> waiter;
    if (random_.chance(0.5)) waiter = std::make_unique<ToldWaiter>(told_, name);
    if (waiter) waiting_++;
    const bool waits = waiter != nullptr;
    if (queue_->push(encoded, waiter).ok()) return;
    if (!waits) waiting_++;
    queue_->push_when_room(std::move(encoded), std::make_unique<ToldRoomWaiter>(told_, name),
                           clock_.now() + std::chrono::milliseconds(random_.below(300)));
  }

  void answer(Sent sent) {
    if (!refused_batch_.empty()) {
      EXPECT_EQ(sent.batch, refused_batch_);
    }
    refused_batch_.clear();
    if (random_.chance(0.3)) {
      refused_batch_ = sent.batch;
      return sent.fail(Code::kNoLeader);
    }
    std::istringstream names(sent.names());
    for (int name = 0; names >> name;) {
      EXPECT_GT(name, last_);
      last_ = name;
    }
    if (random_.chance(0.2)) return sent.fail(Code::kUnknown);
    sent.apply();
  }

  Random random_{GetParam()};
  int arrived_ = 0;          // requests, named by their number
  int last_ = 0;             // name of the last one that was sent
  std::size_t waiting_ = 0;  // requests of which one line is to come
  Bytes refused_batch_;      // for now: it has to come again; empty if there is none
};

TEST_P(WriteQueueRandomTest, EveryWaiterHearsExactlyOnceAndOrderIsKept) {
  restart({.capacity = 1 + random_.below(6),
           .bytes_max = 60,
           .batch_size = 1 + random_.below(6),
           .batch_bytes_max = 10 + random_.below(40),
           .timeout = 50ms},
          /*numbers_block=*/20);
  for (int step = 0; step < 300; step++) {
    const std::uint64_t what = random_.below(4);
    if (what < 2) {
      arrive();
    } else if (what == 2) {
      if (std::optional<Sent> sent = target_.try_take()) answer(std::move(*sent));
    } else {
      clock_.advance(std::chrono::milliseconds(random_.below(60)));
    }
  }
  while (told_.lines().size() < waiting_) {
    clock_.advance(1s);
    if (std::optional<Sent> sent = target_.try_take()) answer(std::move(*sent));
    std::this_thread::yield();
  }
  queue_.reset();
  EXPECT_EQ(told_.lines().size(), waiting_);
  std::set<std::string> names;
  for (const std::string& line : told_.lines()) {
    EXPECT_TRUE(names.insert(line.substr(0, line.find(' '))).second) << line;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, WriteQueueRandomTest, ::testing::Range<std::uint64_t>(1, 101));

}  // namespace
}  // namespace rqlite::queue
