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
    return table_.admit(place, requests, index_,
                        [](const std::string& node_id) { return node_id.starts_with("member"); });
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
  EXPECT_EQ(apply({"member1", 500, 500}, 1), Admission::kNew);
  // A copy from before the restart.
  EXPECT_EQ(apply({"member1", 100, 100}, 3), Admission::kSeen);
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
  apply({"member", 300, 301}, 1);
  apply({"member", 700, 700}, 1);
  EXPECT_EQ(state("member", 100), State::kUnknown);
  EXPECT_EQ(state("member", 300), State::kApplied);  // used lately
  EXPECT_EQ(state("member", 400), State::kUnknown);
  EXPECT_EQ(state("member", 500), State::kApplied);
  EXPECT_EQ(state("member", 700), State::kApplied);
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
  apply({"member", 1, 1}, 1);
  for (int i = 0; i < 100; i++) apply({std::string("node") + std::to_string(i), 1, 1}, 1);
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
    auto is_member = [](const std::string& node_id) { return node_id < "n3"; };
    for (int step = 0; step < 300; step++) {
      const std::string node_id = "n" + std::to_string(random.below(6));
      const std::uint64_t epoch = 1 + 50 * random.below(8);
      const StreamPlace place{node_id, epoch, epoch + random.below(6)};
      std::vector<RequestResult> results(1 + random.below(3));
      for (RequestResult& each : results) {
        if (random.chance(0.3)) each.error = "no";
      }
      index = index.next();
      const Admission admission = whole.admit(place, results.size(), index, is_member);
      ASSERT_EQ(restarted.admit(place, results.size(), index, is_member), admission);
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
