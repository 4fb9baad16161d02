// However often a forwarded write is in the log, it is applied once, and whoever waits for a copy
// of it hears what the first one did.

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "store/machine_fixture.h"
#include "store/origin_numbers.h"

namespace rqlite::store {
namespace {

using command::Origin;

const TestEntry kCreate = {{{"CREATE TABLE t(id INTEGER PRIMARY KEY, v)"}}};
TestEntry insert(const std::string& value) {
  return {{{"INSERT INTO t(v) VALUES('" + value + "')"}}};
}
// The first one of a member.
constexpr Origin kFirst = {1, 100, 1, 1};

class ForwardedOnceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(machine_.open().ok());
    ASSERT_TRUE(machine_.apply(kCreate).ok());
  }
  // Applies entries together; what came of each, as text.
  std::vector<std::string> apply_together(const std::vector<TestEntry>& entries) {
    const Status status = machine_.apply_batch(entries);
    EXPECT_TRUE(status.ok()) << status.text();
    std::vector<std::string> texts;
    for (const auto& each : machine_.results) texts.push_back(text_of(each));
    return texts;
  }
  std::string apply(const TestEntry& entry) {
    return apply_together(std::vector<TestEntry>(1, entry)).front();
  }
  std::string rows() {
    const std::string dump = machine_.dump();
    return dump.substr(dump.find("t:\n") + 3);
  }
  void restart() {
    machine_.close();
    ASSERT_TRUE(machine_.open().ok());
  }
  static bool is_refused(const std::string& text) { return text.find("too late") != text.npos; }

  SimFileSystem files_;
  MachineOnDisk machine_{files_, {}};
};

TEST_F(ForwardedOnceTest, ACopyHearsWhatTheFirstOneDid) {
  const TestEntry write = forwarded(insert("a"), kFirst);
  EXPECT_EQ(apply(write), " id 1 rows 1\n");
  EXPECT_EQ(apply(insert("b")), " id 2 rows 1\n");
  EXPECT_EQ(apply(write), " id 1 rows 1\n");
  EXPECT_EQ(rows(), "1|a|\n2|b|\n");
}

TEST_F(ForwardedOnceTest, ACopyMayStandInTheSameBatch) {
  const TestEntry write = forwarded(insert("a"), kFirst);
  EXPECT_EQ(apply_together({write, insert("b"), write}),
            (std::vector<std::string>{" id 1 rows 1\n", " id 2 rows 1\n", " id 1 rows 1\n"}));
  EXPECT_EQ(rows(), "1|a|\n2|b|\n");
}

TEST_F(ForwardedOnceTest, AFailureIsRepeatedToo) {
  const TestEntry write = forwarded({{{"INSERT INTO t VALUES(1, 2, 3)"}}}, kFirst);
  const std::string failure = apply(write);
  EXPECT_NE(failure.find("has 2 columns"), std::string::npos) << failure;
  ASSERT_EQ(apply({{{"ALTER TABLE t ADD COLUMN w"}}}).find("error"), std::string::npos);
  EXPECT_EQ(apply(write), failure);
  EXPECT_EQ(rows(), "");
}

TEST_F(ForwardedOnceTest, WithAKeyACopyHearsWhetherTheFirstWasReplayed) {
  const TestEntry keyed = {{.sql = {"INSERT INTO t(v) VALUES('a')"}, .key = "k"}};
  EXPECT_EQ(apply(keyed), " id 1 rows 1\n");
  EXPECT_EQ(apply(forwarded(keyed, kFirst)), "replayed:\n id 1 rows 1\n");
  EXPECT_EQ(apply(forwarded(keyed, kFirst)), "replayed:\n id 1 rows 1\n");
  EXPECT_EQ(rows(), "1|a|\n");
}

TEST_F(ForwardedOnceTest, ACopyThatFollowsItsAnswerIsRefused) {
  const TestEntry write = forwarded(insert("a"), kFirst);
  (void)apply(write);
  (void)apply(forwarded(insert("b"), {1, 100, 2, 2}));
  EXPECT_TRUE(is_refused(apply(write)));
  (void)apply(forwarded(insert("c"), {1, 101, 1, 1}));
  EXPECT_TRUE(is_refused(apply(forwarded(insert("b"), {1, 100, 2, 2}))));
  EXPECT_EQ(rows(), "1|a|\n2|b|\n3|c|\n");
}

// It hears what it would hear alone, though what comes behind it says that nobody waits.
TEST_F(ForwardedOnceTest, WhatFollowsInABatchTakesNoAnswerAway) {
  const TestEntry write = forwarded(insert("a"), kFirst);
  EXPECT_EQ(apply_together({write, write, forwarded(insert("b"), {1, 100, 2, 2})})[1],
            " id 1 rows 1\n");
  const TestEntry second = forwarded(insert("b"), {1, 100, 2, 2});
  EXPECT_EQ(apply_together({second, forwarded(insert("c"), {1, 101, 1, 1})})[0], " id 2 rows 1\n");
  EXPECT_EQ(rows(), "1|a|\n2|b|\n3|c|\n");
}

TEST_F(ForwardedOnceTest, ARestartFromASnapshotForgetsNothing) {
  const TestEntry write = forwarded(insert("a"), kFirst);
  const TestEntry answered = forwarded(insert("b"), {1, 100, 3, 1});
  (void)apply(answered);
  (void)apply(write);
  ASSERT_TRUE(machine_.snapshot().ok());
  (void)apply(forwarded(insert("c"), {1, 100, 4, 1}));
  ASSERT_TRUE(machine_.snapshot().ok());
  const std::string kept = machine_.kept();
  restart();
  EXPECT_EQ(machine_.kept(), kept);
  EXPECT_EQ(apply(write), " id 2 rows 1\n");
  EXPECT_EQ(apply(answered), " id 1 rows 1\n");
  EXPECT_EQ(apply(forwarded(insert("d"), {1, 100, 5, 4})), " id 4 rows 1\n");
  EXPECT_TRUE(is_refused(apply(write)));
  EXPECT_EQ(rows(), "1|b|\n2|a|\n3|c|\n4|d|\n");
}

TEST_F(ForwardedOnceTest, AnotherMembersSnapshotBringsItAlong) {
  const TestEntry write = forwarded(insert("a"), kFirst);
  (void)apply(write);
  (void)apply(forwarded(insert("b"), {1, 100, 2, 1}));
  ASSERT_TRUE(machine_.snapshot().ok());
  const MachineOnDisk::Sent sent = machine_.send();
  SimFileSystem files;
  MachineOnDisk receiver(files, {});
  ASSERT_TRUE(receiver.open().ok());
  ASSERT_TRUE(receiver.apply(kCreate).ok());
  ASSERT_TRUE(receiver.apply(forwarded(insert("other"), {1, 105, 9, 1})).ok());
  ASSERT_TRUE(receiver.install(sent).ok());
  EXPECT_EQ(receiver.kept(), machine_.kept());
  ASSERT_TRUE(receiver.apply(write).ok());
  EXPECT_EQ(text_of(receiver.results[0]), " id 1 rows 1\n");
  (void)apply(write);
  receiver.close();
  ASSERT_TRUE(receiver.open().ok());
  ASSERT_TRUE(receiver.apply(write).ok());
  EXPECT_EQ(text_of(receiver.results[0]), " id 1 rows 1\n");
  EXPECT_EQ(receiver.dump() + receiver.kept(), machine_.dump() + machine_.kept());
}

TEST_F(ForwardedOnceTest, OnlyMembersForward) {
  EXPECT_TRUE(is_refused(apply(forwarded(insert("a"), {2, 100, 1, 1}))));
  EXPECT_TRUE(is_refused(apply(forwarded(insert("a"), {0, 100, 1, 1}))));
  EXPECT_EQ(rows(), "");
}

// Who is a member depends on what the log says, not on which entries came together.
TEST_F(ForwardedOnceTest, AMemberComesAndGoesInTheMidstOfABatch) {
  const std::vector<TestEntry> entries = {forwarded(insert("a"), {2, 100, 1, 1}),
                                          member_comes(2),
                                          forwarded(insert("b"), {2, 100, 2, 2}),
                                          forwarded(insert("c"), {2, 100, 3, 2}),
                                          member_goes(2),
                                          forwarded(insert("d"), {2, 100, 4, 2}),
                                          member_comes(2),
                                          forwarded(insert("c"), {2, 100, 3, 2}),
                                          forwarded(insert("e"), {2, 100, 5, 2})};
  const std::vector<std::string> together = apply_together(entries);
  EXPECT_EQ(rows(), "1|b|\n2|c|\n3|e|\n");
  for (const std::size_t refused : {0u, 5u, 7u}) EXPECT_TRUE(is_refused(together[refused]));
  SimFileSystem files;
  MachineOnDisk lone(files, {});
  ASSERT_TRUE(lone.open().ok());
  ASSERT_TRUE(lone.apply(kCreate).ok());
  for (std::size_t i = 0; i < entries.size(); i++) {
    ASSERT_TRUE(lone.apply(entries[i]).ok());
    EXPECT_EQ(text_of(lone.results[0]), together[i]) << i;
  }
  EXPECT_EQ(lone.dump() + lone.kept(), machine_.dump() + machine_.kept());
}

TEST_F(ForwardedOnceTest, ACopyAmongEntriesThatWaitForRoomIsAppliedOnce) {
  const TestEntry write =
      forwarded({{{"INSERT INTO t(v) VALUES(hex(randomblob(50000)))"}}}, kFirst);
  files_.set_capacity(files_.used_bytes() + 4096);
  ASSERT_EQ(machine_.apply_batch({write, write, insert("b")}).code(), Code::kDiskFull);
  files_.set_capacity(std::nullopt);
  ASSERT_TRUE(machine_.resume().ok());
  EXPECT_EQ(text_of(machine_.results[0]), " id 1 rows 1\n");
  EXPECT_EQ(text_of(machine_.results[1]), " id 1 rows 1\n");
  EXPECT_EQ(text_of(machine_.results[2]), " id 2 rows 1\n");
}

// Results that were answered cost no snapshot anything.
TEST_F(ForwardedOnceTest, TheJournalHoldsWhatIsNotAnswered) {
  for (std::uint64_t number = 1; number <= 300; number++) {
    (void)apply(forwarded({{.sql = {"SELECT hex(zeroblob(5000))"}, .unified = true}},
                          {1, 100, number, number}));
    if (number % 10 != 0) continue;
    ASSERT_TRUE(machine_.snapshot().ok());
    // As much as one result in each, until the file is written anew.
    ASSERT_LE(machine_.snapshotter().last().state.journal.bytes, number / 10 * 11'000);
  }
  EXPECT_LT(machine_.outcomes().record_bytes(), 11'000u);
}

// Two members forward, their writes get into the log any number of times and in any order, and they
// send again until they hear; machines apply the log in groups, take snapshots and restart.
class ForwardedOnceRandomTest : public ::testing::Test {
 protected:
  struct Write {
    std::size_t sender = 0;
    Origin origin;
    TestEntry entry;
    bool ended = false;
    bool applied = false;
    std::string result;  // of the first copy
  };

  // Starts the member again: what it had under way is given up, though copies of it may be left.
  void start(std::size_t sender, std::uint64_t epoch) {
    for (Write& each : writes_) {
      if (each.sender == sender) each.ended = true;
    }
    numbers_[sender] = std::make_unique<OriginNumbers>(raft::RaftId(sender + 1), epoch);
  }
  Write& begin(std::size_t sender) {
    const Origin origin = numbers_[sender]->begin();
    const std::string name = std::to_string(writes_.size());
    Write& write = writes_.emplace_back();
    write.sender = sender;
    write.origin = origin;
    write.entry = forwarded(insert(name), origin);
    return write;
  }
  void end(Write& write) {
    write.ended = true;
    numbers_[write.sender]->end(write.origin.number);
  }

  std::unique_ptr<OriginNumbers> numbers_[2];
  std::deque<Write> writes_;
};

TEST_F(ForwardedOnceRandomTest, EachWriteIsAppliedOnceAndAnsweredWithTheTruth) {
  for (std::uint64_t seed = 1; seed <= 4 * seeds(); seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    writes_.clear();
    std::uint64_t epoch = 100;
    for (std::size_t sender : {0u, 1u}) start(sender, epoch++);
    SimFileSystem files;
    MachineOnDisk machine(files, {});
    ASSERT_TRUE(machine.open().ok());
    std::vector<TestEntry> log = {kCreate, member_comes(2)};
    std::map<std::uint64_t, std::size_t> in_log;  // which write, by its place
    for (int round = 0; round < 40; round++) {
      // What gets into the log: new writes, and copies of those under way, or of any.
      for (std::uint64_t i = random.below(8); i > 0; i--) {
        std::size_t which = writes_.size();
        if (writes_.empty() || random.chance(0.5)) {
          (void)begin(random.below(2));
          if (random.chance(0.3)) continue;  // does not get there yet
        } else {
          const std::size_t newest = std::min<std::size_t>(writes_.size(), 10);
          which = writes_.size() - 1 - random.below(newest);
        }
        in_log[log.size()] = which;
        log.push_back(writes_[which].entry);
      }
      while (machine.index() < log.size()) {
        const std::size_t first = machine.index();
        const std::size_t size = std::min(1 + random.below(9), log.size() - first);
        const auto from = log.begin() + static_cast<std::ptrdiff_t>(first);
        ASSERT_TRUE(machine.apply_batch({from, from + static_cast<std::ptrdiff_t>(size)}).ok());
        for (std::size_t i = 0; i < size; i++) {
          if (!in_log.contains(first + i)) continue;
          Write& write = writes_[in_log[first + i]];
          const std::string text = text_of(machine.results[i]);
          const bool refused = text.find("too late") != text.npos;
          // Only of a write that somebody waits for no longer nothing is kept.
          ASSERT_TRUE(!refused || write.ended) << text;
          if (refused) continue;
          if (!std::exchange(write.applied, true)) write.result = text;
          ASSERT_EQ(text, write.result);
          if (!write.ended && random.chance(0.6)) end(write);
        }
        if (random.chance(0.2)) {
          ASSERT_TRUE(machine.snapshot().ok());
        }
        if (random.chance(0.1)) {
          machine.close();
          ASSERT_TRUE(machine.open().ok());  // the log from the snapshot on is applied again
        }
      }
      for (Write& each : writes_) {
        if (!each.ended && random.chance(0.05)) end(each);  // its client's time is up
      }
      if (random.chance(0.05)) start(random.below(2), epoch++);
    }
    // Each row once, and none that nobody was told of or could have been.
    std::map<std::string, int> times;
    const std::string dump = machine.dump();
    for (std::size_t at = dump.find("t:\n") + 3; at < dump.size(); at = dump.find('\n', at) + 1) {
      const std::size_t name = dump.find('|', at) + 1;
      times[dump.substr(name, dump.find('|', name) - name)]++;
    }
    for (std::size_t i = 0; i < writes_.size(); i++) {
      ASSERT_EQ(times[std::to_string(i)], writes_[i].applied ? 1 : 0) << i;
    }
  }
}

}  // namespace
}  // namespace rqlite::store
