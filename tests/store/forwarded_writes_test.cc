#include "store/forwarded_writes.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/random.h"

namespace rqlite::store {
namespace {

using Admission = ForwardedWrites::Admission;
using command::Origin;
using command::RequestResult;

constexpr const char* kTooLarge =
    "the write was applied; its result was too large to be kept for a second answer";

RequestResult result_of(std::string error) {
  RequestResult result;
  result.error = std::move(error);
  return result;
}

// Limits in these tests: 10 under way, results of 100 bytes, 1000 bytes of one member, 3 that went.
class ForwardedWritesTest : public ::testing::Test {
 protected:
  static constexpr ForwardedWrites::Limits kLimits = {
      .unanswered = 10, .result_bytes = 100, .bytes = 1000, .gone = 3};

  Admission admit(const Origin& origin) {
    index_ = index_.next();
    return table_.admit(origin, index_);
  }
  // Admits and applies a write that fails with `error`.
  Admission apply(const Origin& origin, const std::string& error = "no") {
    const Admission admission = admit(origin);
    if (admission == Admission::kNew) table_.applied(origin, index_, result_of(error));
    if (admission == Admission::kSeen) table_.repeated(origin);
    return admission;
  }
  // What a repetition is answered with; "-": nothing is kept.
  std::string answer(const Origin& origin) {
    const auto answer = table_.find(origin);
    return answer ? answer->index.to_string() + " " + answer->result.error : "-";
  }
  void members(const std::set<std::uint64_t>& ids) {
    table_.members_changed([&](raft::RaftId id) { return ids.contains(id.value()); });
  }
  // As a start from a snapshot makes it, whose journal has `records`.
  void restart(const std::vector<OutcomeRecord>& records) {
    const std::vector<SenderPosition> positions = table_.positions();
    table_.restore(positions);
    for (const OutcomeRecord& each : records) table_.restore(each, *read_record(*each));
  }

  ForwardedWrites table_{kLimits};
  raft::Index index_;
};

TEST_F(ForwardedWritesTest, AWriteIsNewOnceAndItsResultIsKept) {
  EXPECT_EQ(apply({1, 100, 5, 5}, "five"), Admission::kNew);
  EXPECT_EQ(apply({1, 100, 6, 5}, "six"), Admission::kNew);
  EXPECT_EQ(apply({1, 100, 5, 5}, "again"), Admission::kSeen);
  EXPECT_EQ(answer({1, 100, 5, 5}), "1 five");
  EXPECT_EQ(answer({1, 100, 6, 5}), "2 six");
  EXPECT_EQ(answer({1, 100, 7, 5}), "-");
}

TEST_F(ForwardedWritesTest, MembersDoNotShareNumbers) {
  EXPECT_EQ(apply({1, 100, 5, 5}, "one"), Admission::kNew);
  EXPECT_EQ(apply({2, 100, 5, 5}, "two"), Admission::kNew);
  EXPECT_EQ(answer({1, 100, 5, 5}), "1 one");
  EXPECT_EQ(answer({2, 100, 5, 5}), "2 two");
}

TEST_F(ForwardedWritesTest, TheyMayComeInAnyOrder) {
  EXPECT_EQ(apply({1, 100, 7, 5}), Admission::kNew);
  EXPECT_EQ(apply({1, 100, 5, 5}), Admission::kNew);
  EXPECT_EQ(apply({1, 100, 6, 5}), Admission::kNew);
  EXPECT_EQ(apply({1, 100, 7, 5}), Admission::kSeen);
}

TEST_F(ForwardedWritesTest, WhatIsAnsweredIsForgottenAndNotAppliedAgain) {
  (void)apply({1, 100, 5, 5});
  (void)apply({1, 100, 6, 5});
  EXPECT_EQ(apply({1, 100, 7, 6}), Admission::kNew);
  EXPECT_EQ(answer({1, 100, 5, 5}), "-");
  EXPECT_EQ(apply({1, 100, 5, 5}), Admission::kStale);
  // It only grows.
  EXPECT_EQ(apply({1, 100, 8, 5}), Admission::kNew);
  EXPECT_EQ(apply({1, 100, 5, 5}), Admission::kStale);
  EXPECT_EQ(answer({1, 100, 6, 5}), "2 no");
  // A repetition says it as well.
  EXPECT_EQ(apply({1, 100, 8, 8}), Admission::kSeen);
  EXPECT_EQ(answer({1, 100, 7, 5}), "-");
  EXPECT_EQ(table_.records().size(), 1u);
}

TEST_F(ForwardedWritesTest, ANewerEpochEndsTheOneBefore) {
  (void)apply({1, 100, 5, 5});
  EXPECT_TRUE(table_.begins_epoch({1, 101, 1, 1}));
  EXPECT_EQ(apply({1, 101, 1, 1}), Admission::kNew);
  EXPECT_EQ(apply({1, 100, 5, 5}), Admission::kStale);
  EXPECT_EQ(apply({1, 100, 9, 5}), Admission::kStale);
  EXPECT_EQ(answer({1, 100, 5, 5}), "-");
  EXPECT_EQ(apply({1, 101, 5, 1}), Admission::kNew);
  EXPECT_EQ(table_.records().size(), 2u);
}

TEST_F(ForwardedWritesTest, OnlyTheEndOfAKnownEpochIsABeginning) {
  EXPECT_FALSE(table_.begins_epoch({1, 100, 5, 5}));
  (void)apply({1, 100, 5, 5});
  EXPECT_FALSE(table_.begins_epoch({1, 100, 6, 5}));
  EXPECT_FALSE(table_.begins_epoch({1, 99, 6, 5}));
  EXPECT_FALSE(table_.begins_epoch({2, 101, 6, 5}));
  EXPECT_FALSE(table_.begins_epoch({1, 101, 5, 6}));  // is stale
}

TEST_F(ForwardedWritesTest, AnOriginThatContradictsItselfChangesNothing) {
  (void)apply({1, 100, 5, 5});
  EXPECT_EQ(apply({1, 100, 6, 7}), Admission::kStale);
  EXPECT_EQ(apply({1, 101, 6, 7}), Admission::kStale);
  EXPECT_EQ(apply({1, 100, 5, 5}), Admission::kSeen);
}

TEST_F(ForwardedWritesTest, OfTooManyUnderWayTheLowestCountAsAnswered) {
  for (std::uint64_t number = 1; number <= 11; number++) (void)apply({1, 100, number, 1});
  EXPECT_EQ(apply({1, 100, 1, 1}), Admission::kStale);
  EXPECT_EQ(apply({1, 100, 2, 1}), Admission::kSeen);
  EXPECT_EQ(apply({1, 100, UINT64_MAX, 1}), Admission::kNew);
  EXPECT_EQ(table_.records().size(), 1u);
}

TEST_F(ForwardedWritesTest, OfALargeResultOnlyTheFactIsKept) {
  (void)apply({1, 100, 1, 1}, std::string(80, 'x'));
  (void)apply({1, 100, 2, 1}, std::string(120, 'x'));
  EXPECT_EQ(answer({1, 100, 1, 1}), "1 " + std::string(80, 'x'));
  EXPECT_EQ(answer({1, 100, 2, 1}), std::string("2 ") + kTooLarge);
  EXPECT_EQ(apply({1, 100, 2, 1}), Admission::kSeen);
}

TEST_F(ForwardedWritesTest, OfWhatIsTooMuchForOneMemberOnlyTheFactIsKept) {
  std::uint64_t number = 1;
  for (; answer({1, 100, number, 1}) == "-"; number++) {
    (void)apply({1, 100, number, 1}, std::string(80, 'x'));
    if (answer({1, 100, number, 1}).ends_with(kTooLarge)) break;
    ASSERT_LT(number, 9u);
  }
  EXPECT_GT(number, 6u);
  EXPECT_EQ(answer({1, 100, 1, 1}), "1 " + std::string(80, 'x'));
  // Others have room of their own, and it has room again when some are answered.
  (void)apply({2, 100, 1, 1}, std::string(80, 'y'));
  EXPECT_TRUE(answer({2, 100, 1, 1}).ends_with("y"));
  (void)apply({1, 100, number + 1, number}, std::string(80, 'z'));
  EXPECT_TRUE(answer({1, 100, number + 1, 1}).ends_with("z"));
}

TEST_F(ForwardedWritesTest, WhatBecameOfAKeyIsPartOfTheResult) {
  for (const auto use :
       {RequestResult::Key::kFirst, RequestResult::Key::kReplayed, RequestResult::Key::kReused}) {
    RequestResult result = result_of("");
    result.key = use;
    result.statements.emplace_back().last_insert_id = 17;
    const Origin origin{1, 100, 1 + static_cast<std::uint64_t>(use), 1};
    ASSERT_EQ(admit(origin), Admission::kNew);
    table_.applied(origin, index_, result);
    const auto answer = table_.find(origin);
    ASSERT_TRUE(answer && answer->result.statements.size() == 1);
    EXPECT_EQ(answer->result.key, use);
    EXPECT_EQ(answer->result.statements[0].last_insert_id, 17);
  }
}

TEST_F(ForwardedWritesTest, ACopyMayBeAdmittedBeforeTheFirstIsApplied) {
  const Origin origin{1, 100, 5, 5};
  EXPECT_EQ(admit(origin), Admission::kNew);
  EXPECT_EQ(admit(origin), Admission::kSeen);
  EXPECT_EQ(admit({1, 100, 6, 6}), Admission::kNew);
  EXPECT_EQ(answer(origin), "-");
  table_.applied(origin, raft::Index(1), result_of("five"));
  table_.repeated(origin);
  EXPECT_EQ(answer(origin), "1 five");
  table_.applied({1, 100, 6, 6}, raft::Index(3), result_of("six"));
  EXPECT_EQ(answer(origin), "-");
}

// What does not fit depends on what was applied by then, not on what was admitted.
TEST_F(ForwardedWritesTest, WhatIsAdmittedSinceMakesNoRoom) {
  const auto applied_with = [&](bool grouped) {
    ForwardedWrites table(kLimits);
    std::vector<Origin> origins;
    for (std::uint64_t number = 1; number <= 10; number++) origins.push_back({1, 100, number, 1});
    origins.push_back({1, 100, 11, 3});
    raft::Index admitted;
    raft::Index applied;
    for (const Origin& origin : origins) {
      admitted = admitted.next();
      EXPECT_EQ(table.admit(origin, admitted), Admission::kNew);
      if (grouped) continue;
      table.applied(origin, admitted, result_of(std::string(90, 'x')));
    }
    for (const Origin& origin : origins) {
      applied = applied.next();
      if (grouped) table.applied(origin, applied, result_of(std::string(90, 'x')));
    }
    return table.record_bytes();
  };
  EXPECT_EQ(applied_with(true), applied_with(false));
}

TEST_F(ForwardedWritesTest, AMemberThatGoesLeavesItsNumbersUsed) {
  (void)apply({1, 100, 5, 5});
  (void)apply({1, 100, 7, 5});
  (void)apply({2, 100, 5, 5});
  members({2});
  EXPECT_EQ(table_.records().size(), 1u);
  EXPECT_EQ(answer({1, 100, 7, 5}), "-");
  // It comes back: late copies are not applied again, and it may go on.
  members({1, 2});
  EXPECT_EQ(apply({1, 100, 5, 5}), Admission::kStale);
  EXPECT_EQ(apply({1, 100, 7, 5}), Admission::kStale);
  EXPECT_EQ(apply({1, 100, 8, 5}), Admission::kNew);
  EXPECT_EQ(answer({2, 100, 5, 5}), "3 no");
}

TEST_F(ForwardedWritesTest, OfThoseThatWentTheLowestEpochsAreForgotten) {
  for (std::uint64_t member = 1; member <= 6; member++) (void)apply({member, 200 - member, 1, 1});
  members({1, 2});
  std::vector<std::uint64_t> left;
  for (const SenderPosition& each : table_.positions()) left.push_back(each.member.value());
  EXPECT_EQ(left, (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
}

TEST_F(ForwardedWritesTest, WhatIsAnsweredNeverGetsIntoAJournal) {
  for (std::uint64_t number = 1; number <= 100; number++) (void)apply({1, 100, number, number});
  EXPECT_EQ(table_.take_unsaved().size(), 1u);
  EXPECT_EQ(table_.unsaved_bytes(), 0u);
  EXPECT_TRUE(table_.take_unsaved().empty());
  (void)apply({1, 100, 101, 101});
  EXPECT_EQ(table_.unsaved_bytes(), table_.record_bytes());
  EXPECT_EQ(table_.take_unsaved().size(), 1u);
}

// A record of a life that was forgotten says nothing of the one that followed it.
TEST_F(ForwardedWritesTest, RecordsFromBeforeAMemberWasForgottenAreIgnored) {
  (void)apply({1, 100, 7, 1});
  const std::vector<OutcomeRecord> journal = table_.records();
  for (std::uint64_t member = 2; member <= 4; member++) (void)apply({member, 200, 1, 1});
  members({});
  members({1});
  EXPECT_EQ(apply({1, 100, 5, 5}), Admission::kNew);
  std::vector<OutcomeRecord> all = journal;
  for (const OutcomeRecord& each : table_.records()) all.push_back(each);
  restart(all);
  EXPECT_EQ(answer({1, 100, 7, 1}), "-");
  EXPECT_EQ(answer({1, 100, 5, 5}), "5 no");
}

TEST_F(ForwardedWritesTest, WhatIsNoOutcomeOfOneKindIsNoRecord) {
  Outcome outcome;
  outcome.member = raft::RaftId(3);
  outcome.epoch = 100;
  outcome.number = 7;
  outcome.index = raft::Index(9);
  outcome.key_use = RequestResult::Key::kReplayed;
  outcome.result = "r";
  const Bytes record = *make_record(outcome);
  const std::optional<Outcome> read = read_record(record);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->member, outcome.member);
  EXPECT_EQ(read->epoch, 100u);
  EXPECT_EQ(read->number, 7u);
  EXPECT_EQ(read->index, outcome.index);
  EXPECT_EQ(read->key_use, outcome.key_use);
  Bytes of_two = record;
  protozero::pbf_writer(of_two).add_string(1, "a node id");
  EXPECT_FALSE(read_record(of_two));
  of_two = record;
  protozero::pbf_writer(of_two).add_string(4, "a key");
  EXPECT_FALSE(read_record(of_two));
  Bytes unknown_use = record;
  protozero::pbf_writer(unknown_use).add_uint32(10, 3);
  EXPECT_FALSE(read_record(unknown_use));
}

// However entries are grouped, and wherever a snapshot is restarted from: each write is applied
// once, and all that is kept is the same.
TEST_F(ForwardedWritesTest, GoesOnFromASnapshotAsIfNothingHadHappened) {
  for (std::uint64_t seed = 1; seed <= 300; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    ForwardedWrites one_by_one(kLimits);
    table_.restore(std::vector<SenderPosition>());
    std::vector<OutcomeRecord> journal;
    std::set<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>> executed;
    std::vector<Origin> sent;
    struct Turn {
      Origin origin;
      raft::Index index;
      RequestResult result;
      Admission admission;
    };
    std::vector<Turn> batch;
    const auto finish_batch = [&] {
      for (const Turn& each : batch) {
        if (each.admission == Admission::kNew) table_.applied(each.origin, each.index, each.result);
        if (each.admission == Admission::kSeen) table_.repeated(each.origin);
      }
      batch.clear();
    };
    raft::Index index;
    for (int step = 0; step < 300; step++) {
      index = index.next();
      Origin origin;
      if (!sent.empty() && random.chance(0.3)) {
        origin = sent[random.below(sent.size())];
      } else {
        origin.member = 1 + random.below(5);
        origin.epoch = 100 + static_cast<std::uint64_t>(step) / 100 + random.below(2);
        origin.number = 1 + static_cast<std::uint64_t>(step) / 4 + random.below(12);
        origin.answered_below = origin.number - random.below(std::min<std::uint64_t>(
                                                    origin.number, random.chance(0.9) ? 4 : 20));
        sent.push_back(origin);
      }
      if (table_.begins_epoch(origin)) finish_batch();
      Turn turn{origin, index, result_of(std::string(random.below(160), 'x')), {}};
      turn.admission = one_by_one.admit(origin, index);
      ASSERT_EQ(table_.admit(origin, index), turn.admission);
      if (turn.admission == Admission::kNew) {
        ASSERT_TRUE(executed.emplace(origin.member, origin.epoch, origin.number).second);
        one_by_one.applied(origin, index, turn.result);
      }
      if (turn.admission == Admission::kSeen) one_by_one.repeated(origin);
      batch.push_back(std::move(turn));
      if (random.chance(0.7)) continue;

      finish_batch();
      if (random.chance(0.1)) {
        const std::uint64_t out = 1 + random.below(5);
        const auto is_member = [&](raft::RaftId id) { return id.value() != out; };
        table_.members_changed(is_member);
        one_by_one.members_changed(is_member);
      }
      if (random.chance(0.2)) {
        for (OutcomeRecord& each : table_.take_unsaved()) journal.push_back(std::move(each));
        if (random.chance(0.3)) journal = table_.records();
        if (random.chance(0.5)) restart(journal);
      }
      ASSERT_EQ(table_.positions(), one_by_one.positions());
      ASSERT_EQ(table_.record_bytes(), one_by_one.record_bytes());
      ASSERT_EQ(table_.records().size(), one_by_one.records().size());
      for (const Origin& each : sent) {
        const auto kept = one_by_one.find(each);
        ASSERT_EQ(answer(each), kept ? kept->index.to_string() + " " + kept->result.error : "-");
      }
    }
  }
}

}  // namespace
}  // namespace rqlite::store
