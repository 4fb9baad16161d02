// What WriteQueue promises about batches that are under way together.

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

// Limits in these tests: 3 batches under way; else those of WriteQueueTest.
class SeveralUnderWayTest : public WriteQueueTest {
 protected:
  static WriteQueue::Limits limits() {
    WriteQueue::Limits limits = kLimits;
    limits.under_way.batches = 3;
    return limits;
  }
  SeveralUnderWayTest() : WriteQueueTest(limits()) {}

  // Sends a batch for each name.
  std::vector<Sent> send(const std::vector<std::string>& names) {
    std::vector<Sent> sent;
    for (const std::string& name : names) {
      EXPECT_EQ(push_and_wait(name), Code::kOk);
      sent.push_back(target_.take());
      EXPECT_EQ(sent.back().names(), name);
    }
    return sent;
  }
  // What is sent next has to be the question for the only entry of these tests.
  Sent take_question() {
    Sent sent = target_.take();
    EXPECT_EQ(sent.stored_at, raft::Index(1));
    return sent;
  }
  // The next batch has to be the one with this name.
  Sent take(const std::string& name) {
    Sent sent = target_.take();
    EXPECT_EQ(sent.names(), name);
    return sent;
  }
  // Of the requests of this test.
  Progress progress(std::uint64_t i) { return queue_->progress(first_ + i); }
};

TEST_F(SeveralUnderWayTest, AWaitersBatchLeavesWhileAnotherIsUnderWay) {
  std::vector<Sent> sent = send({"a", "b"});
  EXPECT_EQ(sent[1].first, sent[0].first + 1);
  EXPECT_EQ(queue_->report().in_flight, 2u);
  for (Sent& each : sent) each.apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "b applied"));
}

// Else they could get into the log in another order.
TEST_F(SeveralUnderWayTest, OneBatchIsSentAfterTheOther) {
  target_.during_write([this] {
    target_.during_write(nullptr);
    take("a").apply();
    push_and_wait("b");
    EXPECT_FALSE(target_.try_take().has_value());
  });
  push_and_wait("a");
  take("b").apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "b applied"));
}

TEST_F(SeveralUnderWayTest, NoMoreThanTheLimitAreUnderWay) {
  std::vector<Sent> sent = send({"a", "b", "c"});
  push_and_wait("d");
  push_and_wait("e");
  EXPECT_FALSE(target_.try_take().has_value());
  sent[0].apply();
  EXPECT_EQ(target_.take().names(), "d e");
}

TEST_F(SeveralUnderWayTest, BytesUnderWayAreBoundedToo) {
  WriteQueue::Limits few = limits();
  few.under_way.bytes = 10;
  restart(few);
  std::vector<Sent> sent = send({std::string(20, 'a')});
  push_and_wait("b");
  EXPECT_FALSE(target_.try_take().has_value());
  sent[0].apply();
  take("b").apply();
}

TEST_F(SeveralUnderWayTest, EachWaiterHearsWhatItsOwnRequestDid) {
  std::vector<Sent> sent = send({"a", "b", "c"});
  sent[0].apply();
  sent[1].apply({{"b", "no such table: t"}});
  sent[2].apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "b applied: no such table: t", "c applied"));
}

TEST_F(SeveralUnderWayTest, ASlowTargetDoesNotStopTheIntakeUntilTheBounds) {
  std::vector<Sent> sent = send({"a", "b", "c"});
  for (const char* name : {"d", "e", "f", "g"}) EXPECT_EQ(push(name), Code::kOk);
  EXPECT_EQ(push("h"), Code::kFull);
  EXPECT_FALSE(target_.try_take().has_value());
  for (Sent& each : sent) each.apply();
  take("d e f g").apply();
  EXPECT_EQ(queue_->report().applied, first_ + 6);
}

// Sending again.

TEST_F(SeveralUnderWayTest, ABatchThatFailsIsSentAgainAndThoseBehindItInOrder) {
  std::vector<Sent> sent = send({"a", "b", "c"});
  sent[0].fail(Code::kNoLeader);
  sent[1].fail(Code::kUnavailable);
  sent[2].fail(Code::kUnavailable);
  expect_quiet_for(20ms);
  clock_.advance(20ms);
  for (const char* name : {"a", "b", "c"}) take(name).apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "b applied", "c applied"));
}

TEST_F(SeveralUnderWayTest, AttemptsThatFailAreCountedByTheirReason) {
  Sent sent = std::move(send({"a"}).front());
  for (const Code code : {Code::kNoLeader, Code::kNotLeader, Code::kUnknown, Code::kDiskFull}) {
    sent.fail(code);
    clock_.advance(1s);
    sent = take("a");
  }
  sent.apply();
  const WriteQueue::Report report = queue_->report();
  EXPECT_THAT(report.failures, ElementsAre(1, 1, 1, 1));
  EXPECT_EQ(report.batches, 1u);
}

TEST_F(SeveralUnderWayTest, StatementsAreCountedWhenTheyComeLeaveAndAreApplied) {
  std::vector<Sent> sent = send({"a", "b"});
  WriteQueue::Report report = queue_->report();
  EXPECT_EQ(report.statements_accepted, 2u);
  EXPECT_EQ(report.statements_sent, 2u);
  EXPECT_EQ(report.statements_applied, 0u);
  sent[0].fail(Code::kUnknown);
  sent[1].fail(Code::kUnknown);
  clock_.advance(20ms);
  take("a").apply();
  report = queue_->report();
  EXPECT_EQ(report.statements_sent, 2u);
  EXPECT_EQ(report.statements_applied, 1u);
  take("b").apply();
  EXPECT_EQ(queue_->report().statements_applied, 2u);
}

TEST_F(SeveralUnderWayTest, OnlyWhatFailedIsSentAgain) {
  std::vector<Sent> sent = send({"a", "b"});
  sent[1].fail(Code::kDiskFull);
  sent[0].apply();
  take("b").apply();
  EXPECT_EQ(queue_->report().resends, 1u);
}

TEST_F(SeveralUnderWayTest, NothingNewLeavesBehindALostBatch) {
  std::vector<Sent> sent = send({"a", "b"});
  sent[0].fail(Code::kUnknown);
  push_and_wait("c");
  expect_quiet_for(20ms);
  clock_.advance(20ms);
  Sent again = take("a");
  sent[1].fail(Code::kUnavailable);
  Sent behind = take("b");
  take("c").apply();
  again.apply();
  behind.apply();
}

TEST_F(SeveralUnderWayTest, ThoseBehindABatchThatCanNeverBeStoredAreStored) {
  std::vector<Sent> sent = send({"a", "b"});
  sent[0].fail(Code::kTooLarge, "too large");
  take("(too large)").apply();
  sent[1].fail(Code::kUnavailable);
  take("b").apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied: too large", "b applied"));
}

// What this node has applied, and the leader perhaps not yet.

TEST_F(SeveralUnderWayTest, WhatThisNodeHasAppliedIsPersistedUntilTheLeaderHasTo) {
  std::vector<Sent> sent = send({"a"});
  tell_listener(sent[0]);
  EXPECT_THAT(told_.lines(), IsEmpty());
  EXPECT_EQ(progress(0), Progress::kPersisted);
  EXPECT_EQ(queue_->report().applied, 0u);
  sent[0].apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied"));
  EXPECT_EQ(progress(0), Progress::kSettled);
}

TEST_F(SeveralUnderWayTest, WhatTheLeaderHasAppliedThisNodeMayApplyLater) {
  std::vector<Sent> sent = send({"a"});
  sent[0].apply();
  tell_listener(sent[0]);
  EXPECT_THAT(told_.lines(), ElementsAre("a applied"));
  EXPECT_EQ(queue_->report().batches, 1u);
}

TEST_F(SeveralUnderWayTest, AFateThatThisNodeKnowsIsStillAskedForButNotInDoubt) {
  std::vector<Sent> sent = send({"a", "b"});
  sent[0].fail(Code::kUnknown);
  sent[1].fail(Code::kUnknown);
  tell_listener(sent[0]);
  EXPECT_EQ(progress(0), Progress::kPersisted);
  EXPECT_EQ(progress(1), Progress::kQueued);
  clock_.advance(20ms);
  take_question().apply();
  take("b").apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "b applied"));
}

// Else a leader that takes longer to apply than the target waits would never be heard.
TEST_F(SeveralUnderWayTest, TheLeaderIsAskedUntilItHasWhatThisNodeHas) {
  std::vector<Sent> sent = send({"a"});
  tell_listener(sent[0], {{"a", "broken"}});
  sent[0].fail(Code::kUnknown);
  for (int i = 0; i < 3; i++) {
    clock_.advance(1s);
    take_question().fail(Code::kUnavailable);
  }
  EXPECT_THAT(told_.lines(), IsEmpty());
  clock_.advance(1s);
  take_question().apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied: broken"));
  EXPECT_EQ(queue_->report().failed_requests, 1u);
  EXPECT_EQ(queue_->report().resends, 0u);
}

// The leader, asked again, has kept failures alone.
TEST_F(SeveralUnderWayTest, WhatThisNodeSawABatchDoIsWhatIsTold) {
  std::vector<Sent> sent = send({"a"});
  sent[0].fail(Code::kUnknown);
  clock_.advance(20ms);
  Sent again = take("a");
  tell_listener(sent[0], {{"a", "broken"}});
  again.apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied: broken"));
  EXPECT_EQ(queue_->report().failed_requests, 1u);
}

TEST_F(SeveralUnderWayTest, ALaterTryMayBeRefusedForGoodAfterTheFirstWasApplied) {
  std::vector<Sent> sent = send({"a"});
  sent[0].fail(Code::kUnknown);
  clock_.advance(20ms);
  Sent again = take("a");
  tell_listener(sent[0]);
  again.fail(Code::kTooLarge, "too large");
  EXPECT_EQ(progress(0), Progress::kPersisted);
  clock_.advance(1s);
  take_question().apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied"));
  EXPECT_EQ(queue_->report().in_flight, 0u);
}

// Answers may overtake each other.
TEST_F(SeveralUnderWayTest, WhatIsBeforeABatchThatWasAppliedHasSettled) {
  std::vector<Sent> sent = send({"a", "b"});
  sent[1].apply();
  EXPECT_THAT(told_.lines(), ElementsAre("b applied"));
  EXPECT_EQ(progress(0), Progress::kSettled);
  EXPECT_EQ(progress(1), Progress::kSettled);
  sent[0].apply();
  EXPECT_THAT(told_.lines(), ElementsAre("b applied", "a applied"));
}

TEST_F(SeveralUnderWayTest, AStopWaitsASecondForTheLeadersWordOnWhatThisNodeHasApplied) {
  std::vector<Sent> sent = send({"a"});
  std::thread stopping([this] { EXPECT_EQ(queue_->drain(10s), left_behind(0, 0, 1)); });
  clock_.await_sleeper(clock_.now() + 10s);
  tell_listener(sent[0]);
  clock_.await_sleeper(clock_.now() + 1s);
  EXPECT_THAT(told_.lines(), IsEmpty());
  clock_.advance(1s);
  stopping.join();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied"));
}

TEST_F(SeveralUnderWayTest, AtTheEndWhatThisNodeHasAppliedIsTold) {
  std::vector<Sent> sent = send({"a", "b"});
  tell_listener(sent[0]);
  queue_->give_up();
  EXPECT_EQ(queue_->drain(10s), left_behind(1, 0, /*persisted=*/1));
  EXPECT_THAT(
      told_.lines(),
      ElementsAre("a applied",
                  "b failed: the outcome is unknown: the node stopped while the write was on "
                  "its way"));
}

TEST_F(SeveralUnderWayTest, BatchesOfAnEarlierStartAreNobodysHere) {
  std::vector<Sent> sent = send({"a"});
  target_.listener()->on_stream_applied(sent[0].epoch - 1, sent[0].first, raft::Index(1),
                                        sent[0].results());
  EXPECT_THAT(told_.lines(), IsEmpty());
  EXPECT_EQ(queue_->report().in_flight, 1u);
  sent[0].apply();
}

// How far a request has come.

TEST_F(SeveralUnderWayTest, ARequestIsQueuedThenPersistedThenSettled) {
  EXPECT_EQ(progress(0), Progress::kUnknown);
  push("a");
  EXPECT_EQ(progress(0), Progress::kQueued);
  std::vector<Sent> sent;
  push_and_wait("b");
  sent.push_back(take("a b"));
  EXPECT_EQ(progress(0), Progress::kQueued);
  sent[0].write->committed();
  EXPECT_EQ(progress(1), Progress::kPersisted);
  sent[0].apply({{"a", "broken"}});
  EXPECT_EQ(progress(0), Progress::kSettled);
  EXPECT_EQ(progress(2), Progress::kUnknown);
}

TEST_F(SeveralUnderWayTest, OfAnEarlierStartItKnowsNothing) {
  push("a");
  EXPECT_EQ(queue_->progress(0), Progress::kUnknown);
  EXPECT_EQ(queue_->progress(first_ - 1), Progress::kUnknown);
}

TEST_F(SeveralUnderWayTest, WithoutWordOfTheCommitARequestIsSettledAtOnce) {
  std::vector<Sent> sent = send({"a"});
  sent[0].apply();
  EXPECT_EQ(progress(0), Progress::kSettled);
  EXPECT_EQ(queue_->report().persisted, first_);
}

TEST_F(SeveralUnderWayTest, ABatchBehindALostOneIsNotPersistedThoughItsEntryIsCommitted) {
  std::vector<Sent> sent = send({"a", "b"});
  sent[0].fail(Code::kDiskFull);
  sent[1].write->committed();
  expect_quiet_for(20ms);
  clock_.advance(20ms);
  Sent again = take("a");
  again.write->committed();
  EXPECT_EQ(progress(0), Progress::kPersisted);
  EXPECT_EQ(progress(1), Progress::kQueued);
  sent[1].fail(Code::kUnavailable);
  Sent behind = take("b");
  behind.write->committed();
  EXPECT_EQ(progress(1), Progress::kPersisted);
  EXPECT_EQ(queue_->report().persisted, first_ + 1);
  again.apply();
  behind.apply();
}

// Waiting until a request is settled.

class SettledTest : public SeveralUnderWayTest {
 protected:
  std::uint64_t when_settled(std::uint64_t i) {
    return queue_->when_settled(first_ + i,
                                [this, i] { told_.add("settled " + std::to_string(i)); });
  }
};

TEST_F(SettledTest, IsToldOnceTheRequestIs) {
  std::vector<Sent> sent = send({"a", "b"});
  EXPECT_NE(when_settled(1), 0u);
  EXPECT_NE(when_settled(0), 0u);
  sent[0].apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "settled 0"));
  sent[1].apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "settled 0", "b applied", "settled 1"));
}

TEST_F(SettledTest, SeveralMayWaitForOneRequest) {
  std::vector<Sent> sent = send({"a"});
  when_settled(0);
  when_settled(0);
  sent[0].apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "settled 0", "settled 0"));
}

TEST_F(SettledTest, IsToldAtOnceOfWhatIsSettledOrNotKnown) {
  send({"a"})[0].apply();
  EXPECT_EQ(when_settled(0), 0u);
  EXPECT_EQ(when_settled(1), 0u);
  push("b");
  EXPECT_EQ(queue_->when_settled(first_ - 1, [this] { told_.add("settled before"); }), 0u);
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "settled 0", "settled 1", "settled before"));
}

TEST_F(SettledTest, OfAnEarlierStartItIsToldAtOnceThoughNothingWasSentYet) {
  push("a");
  EXPECT_EQ(queue_->when_settled(first_ - 1, [this] { told_.add("settled before"); }), 0u);
  EXPECT_THAT(told_.lines(), ElementsAre("settled before"));
}

TEST_F(SettledTest, IsNotToldAnyMoreOnceItStoppedWaiting) {
  std::vector<Sent> sent = send({"a"});
  const std::uint64_t gone = when_settled(0);
  when_settled(0);
  queue_->stop_waiting(gone);
  sent[0].apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "settled 0"));
}

TEST_F(SettledTest, IsToldWhenTheQueueGoes) {
  push("a");
  when_settled(0);
  queue_.reset();
  EXPECT_THAT(told_.lines(), ElementsAre("settled 0"));
}

}  // namespace
}  // namespace rqlite::queue
