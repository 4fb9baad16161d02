#include "store/stream_table.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace rqlite::store {
namespace {

using Admission = StreamTable::Admission;
using State = StreamTable::Verdict::State;
using command::RequestResult;
using command::StreamPlace;

class StreamTableTest : public ::testing::Test {
 protected:
  Admission admit(const StreamPlace& place, std::size_t requests) {
    index_ = index_.next();
    return table_.admit(place, requests, index_, [this](std::string_view node_id) {
      return node_id.starts_with(members_) ? std::optional(member_) : std::nullopt;
    });
  }
  // Admits and applies a batch whose requests succeed or, where `failing` has one, fail so.
  Admission apply(const StreamPlace& place, std::size_t requests,
                  const std::map<std::size_t, std::string>& failing = {}) {
    const Admission admission = admit(place, requests);
    if (admission != Admission::kNew) return admission;
    std::vector<RequestResult> results(requests);
    for (const auto& [i, error] : failing) results[i].error = error;
    for (OutcomeRecord& each : table_.applied(place, index_, results))
      records_.push_back(std::move(each));
    return admission;
  }
  State state(const std::string& node_id, std::uint64_t number) {
    return table_.verdict(node_id, number).state;
  }

  StreamTable table_;
  std::string members_ = "member";  // how their node ids begin
  raft::RaftId member_{1};          // of all of them
  raft::Index index_;
  std::vector<OutcomeRecord> records_;
};

TEST_F(StreamTableTest, ABatchIsNewOnceAndInOrder) {
  EXPECT_EQ(apply({"member", 100, 100}, 3), Admission::kNew);
  EXPECT_EQ(apply({"member", 100, 100}, 3), Admission::kSeen);
  EXPECT_EQ(apply({"member", 100, 104}, 1), Admission::kEarly);
  EXPECT_EQ(apply({"member", 100, 103}, 1), Admission::kNew);
  EXPECT_EQ(apply({"member", 100, 104}, 1), Admission::kNew);
  EXPECT_EQ(apply({"member", 100, 103}, 1), Admission::kSeen);
}

TEST_F(StreamTableTest, AStreamBeginsWithItsFirstBatch) {
  EXPECT_EQ(apply({"member", 100, 103}, 2), Admission::kEarly);
  EXPECT_EQ(state("member", 103), State::kUnknown);
  EXPECT_EQ(apply({"member", 100, 100}, 3), Admission::kNew);
  EXPECT_EQ(apply({"member", 100, 103}, 2), Admission::kNew);
}

TEST_F(StreamTableTest, StreamsDoNotMeet) {
  EXPECT_EQ(apply({"member1", 100, 100}, 3), Admission::kNew);
  EXPECT_EQ(apply({"member2", 100, 100}, 3), Admission::kNew);
  EXPECT_EQ(apply({"member1", 100, 103}, 1), Admission::kNew);
  EXPECT_EQ(apply({"member2", 100, 103}, 1), Admission::kNew);
}

// The process that sent them is dead, and numbers are in the order of execution.
TEST_F(StreamTableTest, BatchesFromBeforeAStartComeTooLateAfterThatStartsFirst) {
  EXPECT_EQ(apply({"member", 100, 100, 1}, 3), Admission::kNew);
  EXPECT_EQ(apply({"member", 500, 500, 1}, 1), Admission::kNew);
  EXPECT_EQ(apply({"member", 100, 103, 1}, 1), Admission::kLate);
  EXPECT_EQ(apply({"member", 100, 100, 1}, 3), Admission::kLate);  // a second copy
  EXPECT_EQ(apply({"member", 100, 107, 1}, 1), Admission::kLate);
  EXPECT_EQ(apply({"member", 500, 501, 1}, 1), Admission::kNew);
  EXPECT_EQ(state("member", 102), State::kApplied);
  EXPECT_EQ(state("member", 103), State::kUnknown);
}

TEST_F(StreamTableTest, SoDoesTheFirstBatchOfAStart) {
  EXPECT_EQ(apply({"member", 500, 500, 1}, 1), Admission::kNew);
  EXPECT_EQ(apply({"member", 100, 100, 1}, 3), Admission::kLate);
  EXPECT_EQ(apply({"member", 500, 501, 1}, 1), Admission::kNew);
}

TEST_F(StreamTableTest, ABatchThatIsTooEarlyEndsNothing) {
  EXPECT_EQ(apply({"member", 100, 100, 1}, 3), Admission::kNew);
  EXPECT_EQ(apply({"member", 500, 501, 1}, 1), Admission::kEarly);
  EXPECT_EQ(apply({"member", 100, 103, 1}, 1), Admission::kNew);
}

// With another clock: its numbers may be lower.
TEST_F(StreamTableTest, WhoeverReplacesANodeGoesOnUnderItsName) {
  EXPECT_EQ(apply({"member", 500, 500, 1}, 1), Admission::kNew);
  member_ = raft::RaftId(2);
  EXPECT_EQ(apply({"member", 500, 501, 1}, 1), Admission::kNew);  // accepted before it was replaced
  EXPECT_EQ(apply({"member", 100, 100, 2}, 1), Admission::kNew);
  EXPECT_EQ(apply({"member", 500, 502, 1}, 1), Admission::kLate);
  EXPECT_EQ(apply({"member", 900, 900, 1}, 1), Admission::kLate);
  EXPECT_EQ(apply({"member", 100, 101, 2}, 1), Admission::kNew);
}

TEST_F(StreamTableTest, WhoIsNoMemberBeginsNoStream) {
  EXPECT_EQ(apply({"member", 100, 100, 2}, 1), Admission::kLate);
  EXPECT_EQ(apply({"gone", 100, 100, 1}, 1), Admission::kLate);
  EXPECT_TRUE(table_.positions().empty());
}

TEST_F(StreamTableTest, SeveralBatchesAreAdmittedBeforeTheFirstIsApplied) {
  EXPECT_EQ(admit({"member", 100, 100}, 2), Admission::kNew);
  EXPECT_EQ(admit({"member", 100, 102}, 2), Admission::kNew);
  EXPECT_EQ(admit({"member", 100, 100}, 2), Admission::kSeen);
  EXPECT_EQ(state("member", 100), State::kUnknown);  // not applied yet
  (void)table_.applied({"member", 100, 100}, index_, std::vector<RequestResult>(2));
  EXPECT_EQ(state("member", 101), State::kApplied);
  EXPECT_EQ(state("member", 102), State::kUnknown);
}

TEST_F(StreamTableTest, KnowsWhichFailed) {
  apply({"member", 100, 100}, 3, {{1, "no such table: t"}});
  apply({"member", 200, 200}, 2, {{0, "locked"}});
  EXPECT_EQ(state("member", 99), State::kUnknown);
  EXPECT_EQ(state("member", 100), State::kApplied);
  EXPECT_EQ(state("member", 102), State::kApplied);
  EXPECT_EQ(state("member", 103), State::kUnknown);  // of the first stream, and never applied
  EXPECT_EQ(state("member", 201), State::kApplied);
  EXPECT_EQ(state("other", 100), State::kUnknown);
  const StreamTable::Verdict failed = table_.verdict("member", 101);
  EXPECT_EQ(failed.state, State::kFailed);
  EXPECT_EQ(command::decode_result(failed.result)->error, "no such table: t");
  EXPECT_EQ(command::decode_result(table_.verdict("member", 200).result)->error, "locked");
}

TEST_F(StreamTableTest, TheOldestFailuresAreForgottenAndThenNobodyKnows) {
  std::uint64_t next = 1;
  for (int i = 0; i < 20; i++, next += 1000) {
    std::map<std::size_t, std::string> failing;
    for (std::size_t j = 0; j < 1000; j++) failing[j] = "no";
    apply({"member", 1, next}, 1000, failing);
  }
  EXPECT_EQ(state("member", 10'000), State::kUnknown);
  EXPECT_EQ(state("member", 10'001), State::kFailed);
  EXPECT_EQ(state("member", 20'000), State::kFailed);
  EXPECT_EQ(table_.records().size(), 10'000u);
}

TEST_F(StreamTableTest, FailuresAreBoundedInBytesToo) {
  const std::string long_error(100'000, 'x');  // kept as its first part
  for (std::uint64_t i = 0; i < 1000; i++) {
    apply({"member", 1, 1 + i}, 1, {{0, long_error}});
  }
  EXPECT_LE(table_.record_bytes(), 4u << 20);
  EXPECT_EQ(state("member", 1000), State::kFailed);
  EXPECT_EQ(state("member", 1), State::kUnknown);
}

TEST_F(StreamTableTest, OfAMembersStreamsTheLastFourStay) {
  for (std::uint64_t i = 1; i <= 6; i++) apply({"member", i * 100, i * 100}, 1);
  EXPECT_EQ(state("member", 200), State::kUnknown);
  EXPECT_EQ(state("member", 300), State::kApplied);
  EXPECT_EQ(state("member", 600), State::kApplied);
  // What is forgotten is late all the same.
  EXPECT_EQ(apply({"member", 100, 100}, 1), Admission::kLate);
}

TEST_F(StreamTableTest, AStreamMayBeForgottenBeforeItsBatchIsApplied) {
  for (std::uint64_t i = 1; i <= 6; i++) {
    EXPECT_EQ(admit({"member", i * 100, i * 100}, 1), Admission::kNew);
  }
  for (std::uint64_t i = 1; i <= 6; i++) {
    (void)table_.applied({"member", i * 100, i * 100}, index_, std::vector<RequestResult>(1));
  }
  EXPECT_EQ(state("member", 100), State::kUnknown);
  EXPECT_EQ(state("member", 600), State::kApplied);
}

TEST_F(StreamTableTest, OfStrangersTheLast64Stay) {
  members_ = "";
  for (int i = 0; i < 100; i++) apply({"node" + std::to_string(i), 1, 1, 1}, 1);
  members_ = "member";
  apply({"member", 1, 1, 1}, 1);
  EXPECT_EQ(state("node35", 1), State::kUnknown);
  EXPECT_EQ(state("node36", 1), State::kApplied);
  EXPECT_EQ(state("member", 1), State::kApplied);
  EXPECT_EQ(table_.positions().size(), 65u);
}

// A member that starts from a snapshot goes on exactly like one that applied everything.
TEST_F(StreamTableTest, GoesOnFromASnapshotAsIfNothingHadHappened) {
  for (std::uint64_t seed = 1; seed <= 200; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    StreamTable whole;
    StreamTable restarted;
    std::vector<OutcomeRecord> journal;
    raft::Index index;
    std::uint64_t members = 0;  // so far
    auto member_of = [&](std::string_view node_id) {
      return node_id < "n3" ? std::optional(raft::RaftId(1 + members)) : std::nullopt;
    };
    for (int step = 0; step < 300; step++) {
      const std::string node_id = "n" + std::to_string(random.below(6));
      const std::uint64_t epoch = 1 + 50 * random.below(8);
      if (random.chance(0.02)) members++;
      const std::uint64_t member = random.chance(0.1) ? 0 : 1 + random.below(members + 1);
      const StreamPlace place{node_id, epoch, epoch + random.below(6), member};
      std::vector<RequestResult> results(1 + random.below(3));
      for (RequestResult& each : results) {
        if (random.chance(0.3)) each.error = "no";
      }
      index = index.next();
      const Admission admission = whole.admit(place, results.size(), index, member_of);
      ASSERT_EQ(restarted.admit(place, results.size(), index, member_of), admission);
      if (admission == Admission::kNew) {
        (void)whole.applied(place, index, results);
        for (auto& each : restarted.applied(place, index, results)) journal.push_back(each);
      }
      if (random.chance(0.05)) {
        const std::vector<StreamPosition> positions = restarted.positions();
        restarted = {};
        restarted.restore(positions);
        for (const OutcomeRecord& each : journal) restarted.restore(each, *read_record(*each));
      }
      ASSERT_EQ(restarted.positions(), whole.positions());
      ASSERT_EQ(restarted.record_bytes(), whole.record_bytes());
    }
    for (std::uint64_t number = 0; number < 500; number++) {
      for (int node = 0; node < 6; node++) {
        const std::string node_id = "n" + std::to_string(node);
        ASSERT_EQ(restarted.verdict(node_id, number).state, whole.verdict(node_id, number).state);
      }
    }
  }
}

}  // namespace
}  // namespace rqlite::store
