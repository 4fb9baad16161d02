#include "queue/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "queue/queue_fixture.h"

namespace rqlite::queue {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Limits in these tests: 3 batches and 100 bytes under way. A batch is named by the one character
// that each of its requests is; the stream begins with 10.
class PipelineTest : public ::testing::Test {
 protected:
  void add(const std::string& batch) {
    std::vector<Request> requests;
    for (const char name : batch) {
      requests.push_back({next_, Bytes(1, name), nullptr});
      first_of_.try_emplace(batch, next_);
      next_++;
    }
    pipeline_.add(std::move(requests), now() - 5ms, now());
  }
  // All that is to be sent now, in order.
  std::vector<std::string> send() {
    std::vector<std::string> sent;
    while (const std::optional<Pipeline::Send> each = pipeline_.next_to_send(now())) {
      attempt_of_[each->first] = each->attempt;
      const auto own = first_of_.find(each->batch);
      const bool refused = own == first_of_.end() || own->second != each->first;
      sent.push_back(refused ? refusals_in(each->batch) : each->batch);
    }
    return sent;
  }
  void add_and_send(const std::vector<std::string>& batches) {
    for (const std::string& batch : batches) {
      ASSERT_TRUE(pipeline_.has_room());
      add(batch);
      ASSERT_THAT(send(), ElementsAre(batch));
    }
  }

  static std::string refusals_in(const Bytes& batch) {
    std::string all;
    for (const std::string& each : names_in(batch)) all += each;
    return all;
  }

  bool fail(const std::string& batch, Code code = Code::kUnavailable) {
    return pipeline_.failed(first_of_[batch], {code, "because"}, now());
  }
  // Of its last attempt.
  void commit(const std::string& batch) {
    pipeline_.committed(first_of_[batch], attempt_of_[first_of_[batch]]);
  }
  // Whether it was under way.
  bool apply(const std::string& batch) {
    return pipeline_.applied(first_of_[batch], {}, now()).has_value();
  }
  void apply_here(const std::string& batch) {
    pipeline_.applied_here(first_of_[batch], {kHere, {}});
  }
  // How long there is nothing to send.
  std::chrono::nanoseconds pause() { return *pipeline_.due() - now(); }
  [[nodiscard]] TimePoint now() const { return TimePoint(time_); }

  static constexpr raft::Index kHere{77};

  std::chrono::nanoseconds time_ = 1h;
  std::uint64_t next_ = 10;
  std::map<std::string, std::uint64_t> first_of_;
  std::map<std::uint64_t, std::uint64_t> attempt_of_;
  Pipeline pipeline_{{.batches = 3, .bytes = 100}};
};

// Room.

TEST_F(PipelineTest, EachBatchIsSentOnceAndTakenOutWhenItIsApplied) {
  add("ab");
  EXPECT_EQ(pipeline_.due(), TimePoint());
  EXPECT_THAT(send(), ElementsAre("ab"));
  EXPECT_EQ(pipeline_.due(), std::nullopt);
  EXPECT_THAT(send(), IsEmpty());
  EXPECT_EQ(pipeline_.requests(), 2u);
  EXPECT_EQ(pipeline_.bytes(), 2u);
  EXPECT_TRUE(apply("ab"));
  EXPECT_EQ(pipeline_.batches(), 0u);
  EXPECT_EQ(pipeline_.requests(), 0u);
  EXPECT_EQ(pipeline_.bytes(), 0u);
}

TEST_F(PipelineTest, TheOldestIsOfTheFirstBatchThatIsNotApplied) {
  add_and_send({"a"});
  time_ += 1s;
  add_and_send({"b"});
  EXPECT_EQ(now() - pipeline_.oldest(), 1s + 5ms);
  (void)fail("a");
  EXPECT_EQ(now() - pipeline_.oldest(), 1s + 5ms);
  EXPECT_TRUE(apply("a"));
  EXPECT_EQ(now() - pipeline_.oldest(), 5ms);
}

TEST_F(PipelineTest, ASendSaysWhereTheBatchBelongs) {
  add_and_send({"ab", "c"});
  (void)fail("ab");
  const std::optional<Pipeline::Send> again = pipeline_.next_to_send(now() + 1s);
  EXPECT_EQ(again->first, 10u);
  EXPECT_EQ(again->attempt, 3u);
  EXPECT_EQ(again->batch, "ab");
}

TEST_F(PipelineTest, SoManyBatchesAreUnderWayAndNoMore) {
  add_and_send({"a", "b", "c"});
  EXPECT_FALSE(pipeline_.has_room());
  EXPECT_TRUE(apply("a"));
  EXPECT_TRUE(pipeline_.has_room());
}

TEST_F(PipelineTest, NoBatchJoinsThoseThatHaveEnoughBytes) {
  add_and_send({std::string(99, 'a')});
  EXPECT_TRUE(pipeline_.has_room());
  add_and_send({"b"});
  EXPECT_FALSE(pipeline_.has_room());
}

TEST_F(PipelineTest, AnyBatchMayGoAlone) {
  add_and_send({std::string(200, 'a')});
  EXPECT_FALSE(pipeline_.has_room());
  EXPECT_TRUE(apply(std::string(200, 'a')));
  EXPECT_TRUE(pipeline_.has_room());
}

TEST_F(PipelineTest, NoBatchIsSentBehindOneThatGotLost) {
  add_and_send({"a", "b"});
  (void)fail("a");
  EXPECT_FALSE(pipeline_.has_room());
  time_ += 20ms;
  EXPECT_THAT(send(), ElementsAre("a"));
  // The one that followed it is still to come back.
  EXPECT_FALSE(pipeline_.has_room());
  (void)fail("b");
  EXPECT_THAT(send(), ElementsAre("b"));
  EXPECT_TRUE(pipeline_.has_room());
}

// Sending again.

TEST_F(PipelineTest, WhateverGoesWrongABatchIsSentAgainAsItWas) {
  for (const Code code : {Code::kNotLeader, Code::kNoLeader, Code::kUnavailable, Code::kFull,
                          Code::kDiskFull, Code::kDeadline, Code::kUnknown, Code::kFailed}) {
    add_and_send({"abc"});
    EXPECT_FALSE(fail("abc", code));
    EXPECT_THAT(send(), IsEmpty());
    EXPECT_EQ(pause(), 20ms);
    time_ += 20ms;
    EXPECT_THAT(send(), ElementsAre("abc"));
    EXPECT_TRUE(apply("abc"));
    first_of_.clear();
  }
}

TEST_F(PipelineTest, TriesBecomeRarerUntilOneGetsThrough) {
  add_and_send({"a"});
  for (const auto expected : {20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1000ms, 1000ms}) {
    (void)fail("a");
    EXPECT_EQ(pause(), expected);
    time_ += expected;
    EXPECT_THAT(send(), ElementsAre("a"));
  }
  EXPECT_TRUE(apply("a"));
  add_and_send({"b"});
  (void)fail("b");
  EXPECT_EQ(pause(), 20ms);
}

TEST_F(PipelineTest, ThoseBehindALostBatchAreSentAgainBehindIt) {
  add_and_send({"a", "b", "c"});
  for (const char* batch : {"c", "a", "b"}) (void)fail(batch);
  time_ += 1s;
  EXPECT_THAT(send(), ElementsAre("a", "b", "c"));
}

TEST_F(PipelineTest, ThoseBehindALostBatchDoNotMakeItsPauseLonger) {
  add_and_send({"a", "b", "c"});
  for (const char* batch : {"a", "b", "c"}) (void)fail(batch);
  EXPECT_EQ(pause(), 20ms);
}

TEST_F(PipelineTest, ABatchThatOnlyFollowedALostOneIsSentAgainAtOnce) {
  add_and_send({"a", "b"});
  (void)fail("a");
  time_ += 20ms;
  EXPECT_THAT(send(), ElementsAre("a"));
  (void)fail("b");
  EXPECT_THAT(send(), ElementsAre("b"));
}

// Else it would be sent and refused as fast as the machine can, for as long as the first one takes.
TEST_F(PipelineTest, ABatchThatIsRefusedWhileAnotherIsUnderWayPausesToo) {
  add_and_send({"a", "b"});
  for (const auto expected : {20ms, 40ms}) {
    (void)fail("b");
    EXPECT_THAT(send(), IsEmpty());
    EXPECT_EQ(pause(), expected);
    time_ += expected;
    EXPECT_THAT(send(), ElementsAre("b"));
  }
}

TEST_F(PipelineTest, ABatchThatWasAppliedEndsThePause) {
  add_and_send({"a", "b"});
  (void)fail("b");
  EXPECT_TRUE(apply("a"));
  EXPECT_THAT(send(), ElementsAre("b"));
}

// Fates.

TEST_F(PipelineTest, ABatchIsAppliedOnce) {
  add_and_send({"a"});
  (void)fail("a", Code::kUnknown);
  EXPECT_TRUE(apply("a"));
  EXPECT_FALSE(apply("a"));
  EXPECT_FALSE(fail("a", Code::kTooLarge));
  commit("a");
  EXPECT_EQ(pipeline_.due(), std::nullopt);
  EXPECT_EQ(pipeline_.batches(), 0u);
}

TEST_F(PipelineTest, WhatWasAppliedGivesItsRequestsBackAndHowLongItTook) {
  add_and_send({"ab"});
  time_ += 20ms;
  (void)fail("ab");
  time_ += 20ms;
  send();
  const std::optional<Pipeline::Landed> landed = pipeline_.applied(10, {}, now());
  EXPECT_EQ(landed->took, 40ms);
  ASSERT_EQ(landed->requests.size(), 2u);
  EXPECT_EQ(landed->requests[0].number, 10u);
  EXPECT_EQ(landed->requests[1].number, 11u);
}

TEST_F(PipelineTest, NothingIsAppliedBeforeTheFirstBatch) {
  EXPECT_EQ(pipeline_.applied_to(), 0u);
  EXPECT_EQ(pipeline_.committed_to(), 0u);
  add("a");
  EXPECT_EQ(pipeline_.applied_to(), 9u);
  EXPECT_EQ(pipeline_.committed_to(), 9u);
}

// Answers may overtake each other.
TEST_F(PipelineTest, WhatIsBeforeABatchThatWasAppliedIsAppliedToo) {
  add_and_send({"ab", "c", "de"});
  EXPECT_TRUE(apply("c"));
  EXPECT_EQ(pipeline_.applied_to(), 12u);
  EXPECT_EQ(pipeline_.committed_to(), 12u);
  EXPECT_TRUE(apply("ab"));
  EXPECT_EQ(pipeline_.applied_to(), 12u);
  EXPECT_TRUE(apply("de"));
  EXPECT_EQ(pipeline_.applied_to(), 14u);
}

TEST_F(PipelineTest, TakesOutWhateverIsLeft) {
  add_and_send({"ab", "c"});
  add("d");
  const std::vector<Request> left = pipeline_.take_all();
  ASSERT_EQ(left.size(), 4u);
  EXPECT_EQ(left[3].number, 13u);
  EXPECT_EQ(pipeline_.requests() + pipeline_.bytes() + pipeline_.batches(), 0u);
  EXPECT_EQ(pipeline_.due(), std::nullopt);
}

// Committed.

TEST_F(PipelineTest, CommittedIsWhatHasNothingUncommittedBeforeIt) {
  add_and_send({"ab", "c", "d"});
  commit("ab");
  EXPECT_EQ(pipeline_.committed_to(), 11u);
  commit("d");
  EXPECT_EQ(pipeline_.committed_to(), 11u);
  commit("c");
  EXPECT_EQ(pipeline_.committed_to(), 13u);
  EXPECT_EQ(pipeline_.applied_to(), 9u);
}

TEST_F(PipelineTest, WhatWasAppliedIsCommitted) {
  add_and_send({"ab", "c"});
  EXPECT_TRUE(apply("ab"));
  EXPECT_EQ(pipeline_.committed_to(), 11u);
}

TEST_F(PipelineTest, CommittedNeverGoesBack) {
  add_and_send({"ab", "c"});
  commit("ab");
  (void)fail("ab", Code::kUnknown);
  EXPECT_EQ(pipeline_.committed_to(), 11u);
  time_ += 1s;
  send();
  EXPECT_EQ(pipeline_.committed_to(), 11u);
}

TEST_F(PipelineTest, OnlyTheLastAttemptCountsAsCommitted) {
  add_and_send({"a"});
  (void)fail("a");
  commit("a");
  time_ += 1s;
  send();
  pipeline_.committed(10, 1);
  EXPECT_EQ(pipeline_.committed_to(), 9u);
  pipeline_.committed(10, 2);
  EXPECT_EQ(pipeline_.committed_to(), 10u);
}

// In the log the follower stands before what it follows, so it is not applied.
TEST_F(PipelineTest, WhatFollowedALostBatchDoesNotCountAsCommitted) {
  add_and_send({"a", "b"});
  (void)fail("a");
  commit("b");
  time_ += 20ms;
  EXPECT_THAT(send(), ElementsAre("a"));
  commit("b");
  commit("a");
  EXPECT_EQ(pipeline_.committed_to(), 10u);
  (void)fail("b");
  EXPECT_THAT(send(), ElementsAre("b"));
  commit("b");
  EXPECT_EQ(pipeline_.committed_to(), 11u);
}

TEST_F(PipelineTest, WhatFollowedABatchThatTurnsOutLostCountsNoMore) {
  add_and_send({"a", "b"});
  commit("b");
  (void)fail("a");
  time_ += 20ms;
  EXPECT_THAT(send(), ElementsAre("a"));
  commit("a");
  EXPECT_EQ(pipeline_.committed_to(), 10u);
}

TEST_F(PipelineTest, WhatStandsBeforeALostBatchStillCountsAsCommitted) {
  add_and_send({"a", "b"});
  (void)fail("b");
  commit("a");
  EXPECT_EQ(pipeline_.committed_to(), 10u);
}

// What may be stored.

TEST_F(PipelineTest, WhatWasNeverSentIsNotStored) {
  EXPECT_EQ(pipeline_.possible_to(), 0u);
  add_and_send({"ab"});
  EXPECT_EQ(pipeline_.possible_to(), 11u);
  add("c");
  EXPECT_EQ(pipeline_.possible_to(), 11u);
  EXPECT_THAT(send(), ElementsAre("c"));
  EXPECT_EQ(pipeline_.possible_to(), 12u);
  EXPECT_TRUE(apply("ab"));
  EXPECT_TRUE(apply("c"));
  EXPECT_EQ(pipeline_.possible_to(), 12u);
}

TEST_F(PipelineTest, WhatWasRefusedIsNotStored) {
  add_and_send({"a"});
  for (const Code code : {Code::kNotLeader, Code::kNoLeader, Code::kUnavailable, Code::kFull,
                          Code::kDiskFull, Code::kFailed}) {
    EXPECT_EQ(pipeline_.possible_to(), 10u);
    (void)fail("a", code);
    EXPECT_EQ(pipeline_.possible_to(), 9u);
    time_ += 1s;
    EXPECT_THAT(send(), ElementsAre("a"));
  }
}

TEST_F(PipelineTest, WhatIsRefusedLaterMayBeStoredByAnEarlierAttempt) {
  add_and_send({"a"});
  for (const Code code : {Code::kUnknown, Code::kNoLeader, Code::kNotLeader}) {
    (void)fail("a", code);
    EXPECT_EQ(pipeline_.possible_to(), 10u);
    time_ += 1s;
    EXPECT_THAT(send(), ElementsAre("a"));
  }
}

// Without it they are not applied.
TEST_F(PipelineTest, WhatFollowsABatchThatIsNotStoredIsNotStoredEither) {
  add_and_send({"a", "b", "c"});
  (void)fail("c", Code::kUnknown);
  EXPECT_EQ(pipeline_.possible_to(), 12u);
  (void)fail("b", Code::kNotLeader);
  EXPECT_EQ(pipeline_.possible_to(), 10u);
  (void)fail("a", Code::kNotLeader);
  EXPECT_EQ(pipeline_.possible_to(), 9u);
}

TEST_F(PipelineTest, WhatThisNodeHasAppliedIsInTheLogForGood) {
  add_and_send({"a", "b"});
  apply_here("a");
  EXPECT_EQ(pipeline_.committed_to(), 10u);
  EXPECT_EQ(pipeline_.applied_to(), 9u);
  (void)fail("a", Code::kUnknown);
  apply_here("b");
  EXPECT_EQ(pipeline_.committed_to(), 11u);
  EXPECT_EQ(pipeline_.batches(), 2u);
}

TEST_F(PipelineTest, WhatIsBeforeABatchThatWasAppliedIsNotCalledNotStored) {
  add_and_send({"a", "b", "c"});
  EXPECT_TRUE(apply("b"));
  (void)fail("c", Code::kNotLeader);
  (void)fail("a", Code::kNotLeader);
  EXPECT_EQ(pipeline_.possible_to(), 11u);
  EXPECT_EQ(pipeline_.applied_to(), 11u);
}

TEST_F(PipelineTest, WhatFollowsABatchThatThisNodeHasAppliedIsNotInVain) {
  add_and_send({"a", "b"});
  apply_here("a");
  (void)fail("a", Code::kUnknown);
  commit("b");
  EXPECT_EQ(pipeline_.committed_to(), 11u);
  time_ += 1s;
  EXPECT_EQ(pipeline_.next_to_send(now())->stored_at, kHere);
  EXPECT_TRUE(pipeline_.has_room());
}

TEST_F(PipelineTest, WhatIsInTheLogForGoodIsNotSaidToBeRefused) {
  add_and_send({"a"});
  (void)fail("a", Code::kUnknown);
  apply_here("a");
  EXPECT_FALSE(fail("a", Code::kTooLarge));
  time_ += 1s;
  const std::optional<Pipeline::Send> sent = pipeline_.next_to_send(now());
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(sent->stored_at, kHere);
  EXPECT_EQ(sent->batch, "");
  EXPECT_TRUE(apply("a"));
}

TEST_F(PipelineTest, AtTheEndWhatThisNodeHasAppliedIsTakenOutInOrder) {
  add_and_send({"a", "b", "c"});
  EXPECT_FALSE(pipeline_.take_applied_here(now()).has_value());
  apply_here("a");
  apply_here("b");
  ASSERT_TRUE(pipeline_.take_applied_here(now()).has_value());
  EXPECT_EQ(pipeline_.applied_to(), 10u);
  ASSERT_TRUE(pipeline_.take_applied_here(now()).has_value());
  EXPECT_FALSE(pipeline_.take_applied_here(now()).has_value());
  EXPECT_EQ(pipeline_.batches(), 1u);
}

TEST_F(PipelineTest, WhatIsCommittedMayBeStoredWhateverIsSaidLater) {
  add_and_send({"a", "b"});
  commit("a");
  (void)fail("a", Code::kUnavailable);
  EXPECT_EQ(pipeline_.possible_to(), 11u);  // so what follows it may be, too
}

// What can never be stored.

TEST_F(PipelineTest, WhatCanNeverBeStoredIsSentAsRequestsThatFail) {
  for (const Code code : {Code::kInvalid, Code::kTooLarge}) {
    add_and_send({"abc"});
    EXPECT_TRUE(fail("abc", code));
    EXPECT_THAT(send(), ElementsAre("(because)(because)(because)"));
    EXPECT_TRUE(apply("abc"));
    EXPECT_EQ(pipeline_.bytes(), 0u);
    first_of_.clear();
  }
}

TEST_F(PipelineTest, ThoseBehindABatchThatCanNeverBeStoredFollowItAgain) {
  add_and_send({"a", "b"});
  EXPECT_TRUE(fail("a", Code::kTooLarge));
  EXPECT_FALSE(fail("b"));
  EXPECT_THAT(send(), ElementsAre("(because)", "b"));
}

TEST_F(PipelineTest, WhatIsRefusedEvenSoIsSentAgainAfterAPause) {
  add_and_send({"a"});
  EXPECT_TRUE(fail("a", Code::kTooLarge));
  EXPECT_THAT(send(), ElementsAre("(because)"));
  EXPECT_FALSE(fail("a", Code::kTooLarge));
  EXPECT_THAT(send(), IsEmpty());
  EXPECT_EQ(pause(), 20ms);
}

}  // namespace
}  // namespace rqlite::queue
