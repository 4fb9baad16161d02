#include "queue/write_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "queue/queue_fixture.h"

namespace rqlite::queue {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kInDoubt =
    "a failed: the outcome is unknown: the node stopped while the write was on its way";
constexpr const char* kNotStored = "b failed: the node stopped before it was stored";

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

TEST_F(WriteQueueTest, NumbersGrowByOne) {
  for (std::uint64_t i = 0; i < 3; i++) {
    Bytes encoded = encode_request("a");
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
  EXPECT_EQ(second.names(), "b - c");
  EXPECT_THAT(told_.lines(), ElementsAre("a applied"));
  second.apply({{"c", "broken"}});
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "mark applied"));
}

TEST_F(WriteQueueTest, ACheckpointOfAnIdleQueueCostsAnEntry) {
  push_checkpoint("mark");
  Sent sent = target_.take();
  EXPECT_EQ(sent.names(), "-");
  EXPECT_THAT(told_.lines(), IsEmpty());
  sent.apply();
  EXPECT_THAT(told_.lines(), ElementsAre("mark applied"));
}

TEST_F(WriteQueueTest, ABatchSaysWhereItBelongs) {
  push("a");
  push_and_wait("b");
  Sent first = target_.take();
  push_and_wait("c");
  first.apply();
  Sent second = target_.take();
  EXPECT_EQ(first.epoch, first_);
  EXPECT_EQ(first.first, first_);
  EXPECT_EQ(second.epoch, first_);
  EXPECT_EQ(second.first, first_ + 2);
  second.apply();
}

TEST_F(WriteQueueTest, WhateverGoesWrongABatchIsSentAgainInItsPlace) {
  for (const Code code : {Code::kDiskFull, Code::kNoLeader, Code::kNotLeader, Code::kUnavailable,
                          Code::kFull, Code::kUnknown, Code::kFailed}) {
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
    EXPECT_EQ(again.first, first.first);
    again.apply();
    Sent second = target_.take();
    EXPECT_EQ(second.names(), "b");
    second.apply();
  }
  EXPECT_EQ(told_.lines().size(), 14u);
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

// It fails where it stands: what the store keeps of it and what its waiter hears are the same.
TEST_F(WriteQueueTest, WhatCanNeverBeStoredFailsInItsPlaceAndTheQueueGoesOn) {
  for (const Code code : {Code::kInvalid, Code::kTooLarge}) {
    push("a");
    push_and_wait("b");
    Sent sent = target_.take();
    push_and_wait("c");
    sent.fail(code, "too bad");
    Sent instead = target_.take();
    EXPECT_EQ(instead.names(), "(too bad) (too bad)");
    EXPECT_EQ(instead.first, sent.first);
    instead.apply();
    target_.take().apply();
  }
  EXPECT_THAT(told_.lines(),
              ElementsAre("b applied: too bad", "c applied", "b applied: too bad", "c applied"));
  EXPECT_EQ(queue_->report().failed_requests, 4u);
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
  EXPECT_EQ(left, left_behind(0, 0, /*persisted=*/1));
  Bytes encoded = encode_request("b");
  std::unique_ptr<Waiter> nobody;
  EXPECT_EQ(queue_->push(encoded, nobody).status(), Status(Code::kUnavailable, "shutting down"));
  push_when_room("c", 30s);
  EXPECT_THAT(told_.lines(), ElementsAre("c refused: shutting down"));
}

TEST_F(FullWriteQueueTest, DrainingTellsThoseThatWaitForRoom) {
  push_when_room("a", 30s);
  queue_->refuse_new();
  std::thread answering([&] {
    flight_->apply();
    target_.take().apply();
  });
  EXPECT_EQ(queue_->drain(10s), left_behind(0, 0, /*persisted=*/7));
  answering.join();
  EXPECT_THAT(told_.lines(), ElementsAre("a refused: shutting down"));
}

TEST_F(FullWriteQueueTest, DrainingGivesUpWhenItsPatienceEndsAndSaysWhatIsLeft) {
  std::thread waiting([&] {
    const WriteQueue::Left left = queue_->drain(10s);
    EXPECT_EQ(left, left_behind(3, 4));
  });
  clock_.await_sleeper(clock_.now() + 10s);
  clock_.advance(10s);
  waiting.join();
  flight_->apply();
}

TEST_F(FullWriteQueueTest, WhatIsLeftIsWhatWasNotAppliedInTime) {
  flight_->apply();
  Sent second = target_.take();
  std::thread waiting([&] {
    const WriteQueue::Left left = queue_->drain(10s);
    EXPECT_EQ(left, left_behind(4, 0, /*persisted=*/3));
  });
  clock_.await_sleeper(clock_.now() + 10s);
  clock_.advance(10s);
  waiting.join();
  second.apply();
}

TEST_F(FullWriteQueueTest, DrainingEndsWhenItIsToldToGiveUp) {
  std::thread waiting([&] { EXPECT_EQ(queue_->drain(10s), left_behind(3, 4)); });
  clock_.await_sleeper(clock_.now() + 10s);
  queue_->give_up();
  waiting.join();
  flight_->apply();
}

TEST_F(FullWriteQueueTest, WhoGaveUpBeforeDrainsWithoutWaiting) {
  queue_->give_up();
  EXPECT_EQ(queue_->drain(10s), left_behind(3, 4));
  flight_->apply();
}

// The target may be closed then.
TEST_F(FullWriteQueueTest, NothingIsSentOnceTheQueueWasDrained) {
  queue_->give_up();
  queue_->drain(10s);
  flight_->apply();
  EXPECT_FALSE(target_.try_take().has_value());
}

TEST_F(FullWriteQueueTest, NothingIsSentAgainOnceTheQueueWasDrained) {
  queue_->give_up();
  queue_->drain(10s);
  flight_->fail(Code::kNoLeader);
  clock_.advance(1s);
  queue_.reset();
  EXPECT_FALSE(target_.try_take().has_value());
}

// Whoever sends again what may be stored, may have it twice.

TEST_F(WriteQueueTest, WhatIsLeftWhenItGoesIsToldWhetherItMayBeStored) {
  push_and_wait("a");
  Sent sent = target_.take();
  push_and_wait("b");
  queue_.reset();
  EXPECT_THAT(told_.lines(), ElementsAre(kInDoubt, kNotStored));
}

TEST_F(WriteQueueTest, WhatIsPersistedWhenItGoesIsToldSo) {
  push_and_wait("a");
  Sent sent = target_.take();
  push("b");
  sent.write->committed();
  queue_->give_up();
  EXPECT_EQ(queue_->drain(10s), left_behind(0, 1, /*persisted=*/1));
  EXPECT_THAT(told_.lines(), ElementsAre("a failed: the node stops: the write is in the log and is "
                                         "applied by its next start"));
}

TEST_F(WriteQueueTest, WhatWasRefusedAtLastAndIsUnknownFromBeforeIsInDoubt) {
  push_and_wait("a");
  target_.take().fail(Code::kUnknown);
  clock_.advance(1s);
  target_.take().fail(Code::kNoLeader);
  push_and_wait("b");
  queue_->give_up();
  EXPECT_EQ(queue_->drain(10s), left_behind(1, 1));
  EXPECT_THAT(told_.lines(), ElementsAre(kInDoubt, kNotStored));
}

TEST_F(WriteQueueTest, WhatWasRefusedEachTimeIsNotStored) {
  push_and_wait("b");
  target_.take().fail(Code::kNoLeader);
  clock_.advance(1s);
  target_.take().fail(Code::kNotLeader);
  queue_->give_up();
  EXPECT_EQ(queue_->drain(10s), left_behind(0, 1));
  EXPECT_THAT(told_.lines(), ElementsAre(kNotStored));
}

TEST_F(WriteQueueTest, NothingIsLeftOfAQueueThatTookNothing) {
  EXPECT_EQ(queue_->drain(10s), left_behind(0, 0));
}

TEST_F(FullWriteQueueTest, NobodyListensOnceTheQueueWasDrained) {
  queue_->give_up();
  queue_->drain(10s);
  EXPECT_EQ(target_.listener(), nullptr);
  flight_->apply();
}

TEST_F(WriteQueueTest, NobodyListensOnceTheQueueIsGone) {
  EXPECT_NE(target_.listener(), nullptr);
  queue_.reset();
  EXPECT_EQ(target_.listener(), nullptr);
}

// Reporting.

TEST_F(WriteQueueTest, ReportsWhereItStands) {
  const WriteQueue::Report idle = queue_->report();
  EXPECT_EQ(idle.accepted, 0u);
  EXPECT_EQ(idle.applied, 0u);
  push_and_wait("a");
  Sent sent = target_.take();
  push("b");
  const WriteQueue::Report busy = queue_->report();
  EXPECT_EQ(busy.in_flight, 1u);
  EXPECT_EQ(busy.persisted, 0u);
  EXPECT_EQ(busy.depth, 1u);
  EXPECT_EQ(busy.bytes, encode_request("b").size());
  EXPECT_EQ(busy.accepted, first_ + 1);
  EXPECT_EQ(busy.applied, 0u);
  sent.write->committed();
  EXPECT_EQ(queue_->report().persisted, first_);
  EXPECT_EQ(queue_->report().applied, 0u);
  sent.apply();
  clock_.advance(20ms);
  const WriteQueue::Report after = queue_->report();
  EXPECT_EQ(after.applied, first_);
  EXPECT_EQ(after.persisted, first_);
  EXPECT_EQ(after.in_flight, 0u);
  EXPECT_EQ(after.oldest_age, 20ms);
  EXPECT_EQ(after.requests, 2u);
  EXPECT_EQ(after.batches, 1u);
}

TEST_F(WriteQueueTest, TheOldestRequestIsTheOldestThatIsNotSettled) {
  push("a");
  clock_.advance(20ms);
  EXPECT_EQ(queue_->report().oldest_age, 20ms);
  push_and_wait("b");
  Sent sent = target_.take();
  clock_.advance(1h);
  EXPECT_EQ(queue_->report().depth, 0u);
  EXPECT_EQ(queue_->report().oldest_age, 1h + 20ms);
  push("c");
  clock_.advance(10ms);
  sent.write->committed();
  EXPECT_EQ(queue_->report().oldest_age, 1h + 30ms);
  sent.apply();
  EXPECT_EQ(queue_->report().oldest_age, 10ms);
  push_and_wait("d");
  target_.take().apply();
  EXPECT_EQ(queue_->report().oldest_age, 0ms);
}

TEST_F(WriteQueueTest, ARequestThatCannotBeStoredAges) {
  push_and_wait("a");
  target_.take().fail(Code::kNoLeader);
  clock_.advance(1h);
  Sent again = target_.take();
  EXPECT_EQ(queue_->report().oldest_age, 1h);
  again.apply();
  EXPECT_EQ(queue_->report().oldest_age, 0ms);
}

TEST_F(WriteQueueTest, CountsWhyBatchesLeave) {
  auto counts_after = [&](const char* names) {
    Sent sent = target_.take();
    EXPECT_EQ(sent.names(), names);
    sent.apply();
    return queue_->report().flushes;
  };
  for (const char* name : {"a", "b", "c"}) push(name);
  EXPECT_THAT(counts_after("a b c"), ElementsAre(1, 0, 0, 0));
  push("d");
  expect_quiet_for(50ms);
  clock_.advance(50ms);
  EXPECT_THAT(counts_after("d"), ElementsAre(1, 1, 0, 0));
  push_and_wait("e");
  EXPECT_THAT(counts_after("e"), ElementsAre(1, 1, 1, 0));
  push("f");
  queue_->refuse_new();
  EXPECT_THAT(counts_after("f"), ElementsAre(1, 1, 1, 1));
}

TEST_F(WriteQueueTest, CountsBatchesThatWereSentAgain) {
  push_and_wait("a");
  for (int i = 0; i < 3; i++) {
    target_.take().fail(Code::kUnknown);
    clock_.advance(1s);
  }
  target_.take().apply();
  const WriteQueue::Report report = queue_->report();
  EXPECT_EQ(report.resends, 3u);
  EXPECT_EQ(report.batches, 1u);
  EXPECT_THAT(report.flushes, ElementsAre(0, 0, 1, 0));
}

TEST_F(FullWriteQueueTest, CountsWhomItRefused) {
  EXPECT_EQ(push("a"), Code::kFull);  // may still wait for room
  EXPECT_EQ(queue_->report().refused_full, 0u);
  push_when_room("a", 0s);
  told_.await(1);
  EXPECT_EQ(queue_->report().refused_full, 1u);
  EXPECT_EQ(push(std::string(2000, 'x')), Code::kTooLarge);
  push_when_room(std::string(2000, 'x'), 30s);
  EXPECT_EQ(queue_->report().refused_large, 2u);
  push_when_room("b", 30s);
  EXPECT_EQ(queue_->report().waiting_for_room, 1u);
  queue_->refuse_new();
  push("c");
  push_when_room("d", 30s);
  const WriteQueue::Report report = queue_->report();
  EXPECT_EQ(report.refused_stopping, 3u);
  EXPECT_EQ(report.waiting_for_room, 0u);
  EXPECT_EQ(report.requests, 7u);
  flight_->apply();
}

TEST_F(WriteQueueTest, CountsRequestsThatHadHappenedBefore) {
  for (const char* name : {"a", "b", "c"}) push(name);
  Sent sent = target_.take();
  std::vector<command::RequestResult> results = sent.results();
  results[0].key = command::RequestResult::Key::kReplayed;
  results[1].key = command::RequestResult::Key::kReplayed;
  results[2].key = command::RequestResult::Key::kReused;
  sent.write->applied(raft::Index(1), std::move(results));
  EXPECT_EQ(queue_->report().replayed_requests, 2u);
}

TEST_F(WriteQueueTest, MeasuresBatchesAndHowLongThingsTake) {
  push("a");
  clock_.advance(10ms);
  push_and_wait("b");
  Sent sent = target_.take();
  clock_.advance(30ms);
  sent.apply();
  push_and_wait("c");
  target_.take().apply();
  const WriteQueue::Report report = queue_->report();
  auto total = [](const Histogram& histogram) {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : histogram.counts()) sum += count;
    return sum;
  };
  EXPECT_EQ(total(report.batch_requests), 2u);
  EXPECT_EQ(report.batch_requests.sum(), 3);
  EXPECT_EQ(total(report.queue_seconds), 3u);
  EXPECT_DOUBLE_EQ(report.queue_seconds.sum(), 0.010);
  EXPECT_EQ(total(report.commit_seconds), 2u);
  EXPECT_DOUBLE_EQ(report.commit_seconds.sum(), 0.030);
}

}  // namespace
}  // namespace rqlite::queue
