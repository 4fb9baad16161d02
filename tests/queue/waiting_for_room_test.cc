// What WriteQueue promises about requests that find no room.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "queue/queue_fixture.h"

namespace rqlite::queue {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(FullWriteQueueTest, RefusesAndLeavesTheRequestToItsOwner) {
  Bytes encoded = encode_request("a");
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
  EXPECT_EQ(push_when_room(std::string(2000, 'x'), 30s), 0u);
  EXPECT_THAT(told_.lines(), ElementsAre(std::string(2000, 'x') +
                                         " refused: the request is larger than the write queue"));
}

TEST_F(WriteQueueTest, ACheckpointWaitsForRoomToo) {
  WriteQueue::Limits limits = kLimits;
  limits.waiting.bytes_max = 100;
  restart(limits);
  push_and_wait("a");
  Sent first = target_.take();
  const std::size_t overhead = encode_request(std::string(90, 'b')).size() - 90;
  EXPECT_EQ(push(std::string(100 - overhead, 'b')), Code::kOk);
  EXPECT_EQ(queue_->report().bytes, 100u);
  EXPECT_EQ(push_checkpoint("mark"), Code::kFull);
  queue_->push_when_room({}, std::make_unique<ToldRoomWaiter>(told_, "mark"), clock_.now() + 30s);
  first.apply();
  target_.take().apply();
  Sent mark = target_.take();
  EXPECT_EQ(mark.names(), "-");
  mark.apply();
  EXPECT_THAT(told_.lines(), ElementsAre("a applied", "mark applied"));
}

TEST_F(FullWriteQueueTest, WhoStopsWaitingForRoomFreesItsPlaceAndIsNotToldAnyMore) {
  const std::uint64_t gone = push_when_room("gone", 30s);
  push_when_room("b", 40s);
  queue_->stop_waiting(gone);
  EXPECT_EQ(queue_->report().waiting_for_room, 1u);
  flight_->apply();
  target_.take().apply();  // those that waited in front
  Sent sent = target_.take();
  EXPECT_EQ(sent.names(), "b");
  sent.apply();
  EXPECT_THAT(told_.lines(), ElementsAre("b applied"));
}

TEST_F(FullWriteQueueTest, StoppingToWaitTwiceOrForNothingDoesNoHarm) {
  const std::uint64_t gone = push_when_room("gone", 30s);
  queue_->stop_waiting(gone);
  queue_->stop_waiting(gone);
  queue_->stop_waiting(0);
  EXPECT_EQ(queue_->report().waiting_for_room, 0u);
  flight_->apply();
}

TEST_F(WriteQueueTest, WhoeverStopsWaitingMakesWayForThoseBehind) {
  WriteQueue::Limits limits = kLimits;
  limits.waiting.bytes_max = 100;
  restart(limits);
  push_and_wait("a");
  Sent first = target_.take();
  push(std::string(50, 'b'));
  const std::uint64_t large = push_when_room(std::string(60, 'c'), 40s);
  queue_->push_when_room(encode_request("d"),
                         std::make_unique<ToldRoomWaiter>(told_, "d", /*tells_all=*/true),
                         clock_.now() + 30s);
  EXPECT_EQ(push("e"), Code::kFull);  // it would have room, but those came first
  expect_quiet_for(30s);
  queue_->stop_waiting(large);
  EXPECT_THAT(told_.await(1), ElementsAre("d accepted"));
  first.apply();
  target_.take().apply();
}

// It may be that nothing else ever makes it leave.
TEST_F(WriteQueueTest, WhoeverWaitsForRoomMakesLeaveWhatTakesIt) {
  WriteQueue::Limits limits = kLimits;
  limits.waiting.bytes_max = 100;
  limits.waiting.timeout = 0s;
  restart(limits);
  push(std::string(50, 'a'));
  push_when_room(std::string(60, 'b'), 30s);
  Sent first = target_.take();
  EXPECT_EQ(first.names(), std::string(50, 'a'));
  EXPECT_THAT(queue_->report().flushes, ElementsAre(1, 0, 0, 0));
  first.apply();
  Sent second = target_.take();
  EXPECT_EQ(second.names(), std::string(60, 'b'));
  second.apply();
}

}  // namespace
}  // namespace rqlite::queue
