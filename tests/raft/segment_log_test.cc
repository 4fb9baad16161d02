#include "raft/segment_log.h"

#include <gtest/gtest.h>

#include "raft/log_fixture.h"

namespace rqlite::raft {
namespace {

// Segments in these tests: 16 KiB, of which 12 KiB are for records; an entry of 1,000 bytes takes
// 1,040.
class SegmentLogTest : public ::testing::Test, protected LogFixture {
 protected:
  void SetUp() override { ASSERT_TRUE(open().ok()); }

  // What a clean restart finds is what the model holds.
  void reopen() {
    ASSERT_TRUE(open().ok());
    EXPECT_EQ(model.complaint(snapshot, found), "");
    EXPECT_EQ(recovered.torn, "");
    EXPECT_EQ(recovered.last, found.last());
  }
};

TEST_F(SegmentLogTest, BeginsWithNothing) {
  EXPECT_FALSE(recovered.hard_state);
  EXPECT_EQ(recovered.last, Index());
  EXPECT_EQ(entries(), "");
}

TEST_F(SegmentLogTest, KeepsEntriesAndState) {
  ASSERT_TRUE(vote(1, 3).ok());
  ASSERT_TRUE(append(1, 3, 1).ok());
  ASSERT_TRUE(append(4, 1, 2).ok());
  reopen();
  EXPECT_EQ(entries(), "1:1 2:1 3:1 4:2");
  EXPECT_EQ(recovered.hard_state, (HardState{Term(1), RaftId(3), Index()}));
}

TEST_F(SegmentLogTest, GoesOnAfterEachRestart) {
  for (std::uint64_t i = 1; i <= 20; i++) {
    ASSERT_TRUE(append(i, 1, i).ok());
    reopen();
  }
  EXPECT_EQ(recovered.last, Index(20));
}

TEST_F(SegmentLogTest, ARestartThatWritesNothingLeavesNoTrace) {
  ASSERT_TRUE(append(1, 3, 1).ok());
  const Bytes before = content(names().front());
  for (int i = 0; i < 5; i++) reopen();
  EXPECT_EQ(content(names().front()), before);
}

TEST_F(SegmentLogTest, OneAppendIsOneSync) {
  ASSERT_TRUE(append(1, 1, 1).ok());
  const std::uint64_t before = log->syncs();
  ASSERT_TRUE(
      append(HardState{Term(2), RaftId(1), Index(1)}, {entry(2, 2, 10), entry(3, 2, 2000)}).ok());
  EXPECT_EQ(log->syncs(), before + 1);
}

TEST_F(SegmentLogTest, EntriesReplaceASuffix) {
  ASSERT_TRUE(append(1, 6, 1).ok());
  ASSERT_TRUE(append(4, 1, 2).ok());
  EXPECT_EQ(read(1, 5), "1:1 2:1 3:1 4:2");
  reopen();
  EXPECT_EQ(entries(), "1:1 2:1 3:1 4:2");
  ASSERT_TRUE(append(1, 2, 3).ok());
  EXPECT_EQ(read(1, 3), "1:3 2:3");
  reopen();
  EXPECT_EQ(entries(), "1:3 2:3");
}

TEST_F(SegmentLogTest, EntriesReplaceASuffixThatBeginsSegmentsAgo) {
  ASSERT_TRUE(append_each(1, 50, 1, 1000).ok());
  ASSERT_GT(names().size(), 4u);
  ASSERT_TRUE(append(3, 2, 2).ok());
  EXPECT_EQ(read(1, 5), "1:1 2:1 3:2 4:2");
  reopen();
  EXPECT_EQ(entries(), "1:1 2:1 3:2 4:2");
  EXPECT_EQ(read(1, 5), "1:1 2:1 3:2 4:2");
}

// The replaced entries lie above the snapshot's index, what replaced them below it.
TEST_F(SegmentLogTest, WhatWasReplacedStaysSoWhenASnapshotCoversWhatReplacedIt) {
  ASSERT_TRUE(append(1, 10, 1).ok());
  ASSERT_TRUE(append(4, 2, 2).ok());
  take_snapshot(5);
  reopen();
  EXPECT_EQ(entries(), "");
  ASSERT_TRUE(append(6, 1, 2).ok());
  EXPECT_EQ(read(6, 7), "6:2");
  reopen();
  EXPECT_EQ(entries(), "6:2");
}

TEST_F(SegmentLogTest, StateOutlivesTheSegmentItWasWrittenTo) {
  ASSERT_TRUE(vote(7, 2).ok());
  for (std::uint64_t i = 1; i <= 100; i++) {
    ASSERT_TRUE(append(i, 1, 7, 1000).ok());
    take_snapshot(i);
  }
  reopen();
  EXPECT_EQ(recovered.hard_state, (HardState{Term(7), RaftId(2), Index()}));
}

TEST_F(SegmentLogTest, TakesAFixedNumberOfFiles) {
  std::size_t files_max = 0;
  for (std::uint64_t i = 1; i <= 300; i++) {
    ASSERT_TRUE(append(i, 1, 1, 1000).ok());
    if (i % 25 == 0) take_snapshot(i - 12);
    if (i % 70 == 0) reopen();
    files_max = std::max(files_max, names().size());
    // 25 entries wait for the next snapshot, in 3 or 4 segments; a spare and 2 recycled ones.
    if (i == 100) files_max = 0;
  }
  EXPECT_LE(files_max, 8u);
  reopen();
}

TEST_F(SegmentLogTest, BeginsAgainAfterASnapshot) {
  ASSERT_TRUE(vote(2, 2).ok());
  ASSERT_TRUE(append_each(1, 30, 1, 1000).ok());
  ASSERT_TRUE(install_snapshot(100, 5).ok());
  reopen();
  EXPECT_EQ(entries(), "");
  EXPECT_EQ(recovered.last, Index(100));
  EXPECT_EQ(recovered.hard_state, (HardState{Term(2), RaftId(2), Index()}));
  ASSERT_TRUE(append(101, 2, 5).ok());
  EXPECT_EQ(read(101, 103), "101:5 102:5");
  reopen();
  EXPECT_EQ(entries(), "101:5 102:5");
}

TEST_F(SegmentLogTest, ReadsAtLeastOneEntryAndThenWhatFits) {
  ASSERT_TRUE(append_each(1, 30, 1, 1000).ok());
  EXPECT_EQ(read(5, 20, 0), "5:1");
  EXPECT_EQ(read(5, 20, 1999), "5:1");
  EXPECT_EQ(read(5, 20, 2000), "5:1 6:1");
  EXPECT_EQ(read(5, 8, 100'000), "5:1 6:1 7:1");
  // Across the end of a segment.
  EXPECT_EQ(read(9, 15, 100'000), "9:1 10:1 11:1 12:1 13:1 14:1");
}

TEST_F(SegmentLogTest, KeepsEntriesOfEverySize) {
  std::uint64_t index = 0;
  for (std::size_t bytes = 0; bytes < 64; bytes++) ASSERT_TRUE(append(++index, 1, 1, bytes).ok());
  for (std::size_t bytes = 1000; bytes < 1050; bytes++) {
    ASSERT_TRUE(append(++index, 1, 1, bytes).ok());
  }
  reopen();
  EXPECT_EQ(recovered.last, Index(index));
}

// A run begins where the one before it left off, be it in the last bytes of a segment.
TEST_F(SegmentLogTest, GoesOnAfterARestartHoweverFullItsSegmentIs) {
  for (std::size_t bytes = 11'000; bytes < 12'200; bytes += 8) {
    LogFixture each;
    ASSERT_TRUE(each.open().ok());
    ASSERT_TRUE(each.append(1, 1, 1, bytes).ok());
    for (std::uint64_t i = 2; i < 6; i++) {
      ASSERT_TRUE(each.open().ok()) << "after entry " << i - 1 << ", the first of " << bytes;
      ASSERT_TRUE(each.append(i, 1, 1).ok());
    }
    ASSERT_TRUE(each.open().ok());
    ASSERT_EQ(each.model.complaint(each.snapshot, each.found), "") << "the first of " << bytes;
  }
}

TEST_F(SegmentLogTest, AHugeEntryGetsASegmentOfItsOwnSize) {
  ASSERT_TRUE(append(1, 1, 1).ok());
  ASSERT_TRUE(append(2, 1, 1, 100'000).ok());
  ASSERT_TRUE(append_each(3, 20, 1, 1000).ok());
  EXPECT_EQ(read(1, 4, 1 << 20), "1:1 2:1 3:1");
  EXPECT_GT(files.used_bytes(), 100'000u);
  reopen();
  EXPECT_EQ(recovered.last, Index(22));
  // It is not worth keeping for reuse.
  take_snapshot(22);
  EXPECT_LT(files.used_bytes(), 100'000u);
  reopen();
}

TEST_F(SegmentLogTest, ManySmallEntriesOfOneAppendMayFillSegments) {
  ASSERT_TRUE(append(1, 2000, 1, 16).ok());
  reopen();
  EXPECT_EQ(recovered.last, Index(2000));
}

TEST_F(SegmentLogTest, RefusesWhatTheDiskHasNoRoomFor) {
  ASSERT_TRUE(append(1, 1, 1).ok());
  files.set_capacity(files.used_bytes());
  std::uint64_t last = 1;
  Status status;
  while ((status = append(last + 1, 1, 1, 1000)).ok()) last++;
  EXPECT_EQ(status.code(), Code::kDiskFull);
  EXPECT_GT(last, 8u);
  reopen();
  EXPECT_EQ(recovered.last, Index(last));
  EXPECT_EQ(append(last + 1, 1, 1, 1000).code(), Code::kDiskFull);
  // A huge one is refused too, and takes nothing away.
  EXPECT_EQ(append(last + 1, 1, 1, 100'000).code(), Code::kDiskFull);
  // Votes still have room.
  for (std::uint64_t term = 2; term < 30; term++) ASSERT_TRUE(vote(term, 1).ok());
  files.set_capacity(std::nullopt);
  ASSERT_TRUE(append_each(last + 1, 20, 30, 1000).ok());
  reopen();
}

TEST_F(SegmentLogTest, WhatWasReservedHasRoomOnAFullDisk) {
  for (std::uint64_t i = 1; i <= 60; i++) {
    const std::size_t bytes = i % 7 == 0 ? 50'000 : 900 + i;
    files.set_capacity(std::nullopt);
    ASSERT_TRUE(log->reserve(1, bytes).ok());
    files.set_capacity(files.used_bytes());
    ASSERT_TRUE(append(i, 1, 1, bytes).ok()) << "entry " << i;
  }
  reopen();
}

TEST_F(SegmentLogTest, ARefusalTakesNothingAwayThatWasReserved) {
  ASSERT_TRUE(append(1, 1, 1).ok());
  ASSERT_TRUE(log->reserve(1, 20'000).ok());
  files.set_capacity(files.used_bytes() + 10'000);
  EXPECT_EQ(log->reserve(2, 40'000).code(), Code::kDiskFull);
  const std::vector<LogEntry> entries{entry(2, 1, 20'000)};
  const std::vector<EntryView> views{entries[0].view()};
  EXPECT_TRUE(log->append({}, views).ok());
}

TEST_F(SegmentLogTest, ReleasedSegmentsMakeRoomOnAFullDisk) {
  ASSERT_TRUE(append_each(1, 30, 1, 1000).ok());
  files.set_capacity(files.used_bytes());
  std::uint64_t last = 30;
  while (append(last + 1, 1, 1, 1000).ok()) last++;
  take_snapshot(last);
  EXPECT_TRUE(append(last + 1, 1, 1, 1000).ok());
  reopen();
}

}  // namespace
}  // namespace rqlite::raft
