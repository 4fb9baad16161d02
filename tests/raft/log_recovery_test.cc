#include "raft/log_recovery.h"

#include <gtest/gtest.h>

#include "raft/log_fixture.h"

namespace rqlite::raft {
namespace {

// Where the records of a segment stand.
struct Span {
  std::uint64_t begin;
  std::uint64_t end;
};

// What recovery makes of a log that is torn, damaged or half there.
class LogRecoveryTest : public ::testing::Test, protected LogFixture {
 protected:
  void SetUp() override { ASSERT_TRUE(open().ok()); }

  // Where the records of the only segment in use end.
  std::uint64_t end() {
    const Bytes bytes = content(names().front());
    return bytes.find_last_not_of('\0') / 8 * 8 + 8;
  }

  // Appends entry `index`, by itself, and returns where its record stands.
  Span written(std::uint64_t index, std::size_t bytes = 24) {
    EXPECT_TRUE(append(index, 1, 1, bytes).ok());
    const std::uint64_t after = end();
    return {after - record_bytes(bytes), after};
  }

  // Opens the log with the file `name` holding `changed`, and puts back what it held.
  Status open_with(const std::string& name, const Bytes& changed) {
    close();
    const Bytes intact = content(name);
    set_content(name, changed);
    const Status status = open();
    close();
    set_content(name, intact);
    return status;
  }

  static Bytes zeros_from(Bytes bytes, std::uint64_t at) {
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(), '\0');
    return bytes;
  }
  static Bytes flipped_at(Bytes bytes, std::uint64_t at) {
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    return bytes;
  }

  // That the log refuses, and what the operator is told.
  static void expect_refusal(const Status& status) {
    EXPECT_EQ(status.code(), Code::kFailed);
    EXPECT_NE(status.text().find("A member of a cluster joins again with an empty one"),
              std::string::npos)
        << status.text();
  }
};

TEST_F(LogRecoveryTest, ALogThatIsCutAnywhereInItsLastRecordsHoldsWhatIsBeforeTheCut) {
  ASSERT_TRUE(append(1, 1, 1).ok());
  std::vector<Span> last;
  for (std::uint64_t i = 2; i <= 4; i++) last.push_back(written(i, 10 + i));
  const std::string name = names().front();
  const Bytes intact = content(name);
  for (std::uint64_t at = last.front().begin; at < last.back().end; at++) {
    ASSERT_TRUE(open_with(name, zeros_from(intact, at)).ok());
    std::uint64_t whole = 1;
    // The padding behind the data is zeros anyway.
    for (const Span& each : last) whole += at >= each.begin + kRecordHeaderBytes + whole + 11;
    ASSERT_EQ(recovered.last, Index(whole)) << "cut at " << at;
    ASSERT_EQ(found.entries.size(), whole);
    ASSERT_EQ(found.entries.back(), entry(whole, 1, whole == 1 ? 24 : 10 + whole));
  }
}

TEST_F(LogRecoveryTest, AFileThatEndsAnywhereInItsLastRecordsHoldsWhatIsBeforeItsEnd) {
  std::vector<Span> records;
  for (std::uint64_t i = 1; i <= 4; i++) records.push_back(written(i, 10 + i));
  const std::string name = names().front();
  const Bytes intact = content(name);
  for (std::uint64_t at = records.front().end; at <= records.back().end; at++) {
    close();
    set_content(name, intact.substr(0, at));
    ASSERT_TRUE(open().ok()) << "ends at " << at;
    std::uint64_t whole = 0;
    for (const Span& each : records) whole += at >= each.begin + kRecordHeaderBytes + whole + 11;
    ASSERT_EQ(recovered.last, Index(whole)) << "ends at " << at;
    ASSERT_TRUE(recovered.torn.starts_with("/log/0000000000000001.seg")) << recovered.torn;
    // It has its size again.
    ASSERT_EQ(content(name), (intact.substr(0, at) + Bytes(intact.size() - at, '\0')));
    ASSERT_TRUE(open().ok());
    ASSERT_EQ(recovered.last, Index(whole)) << "ends at " << at;
    ASSERT_EQ(recovered.torn.find("short"), Bytes::npos);
  }
}

TEST_F(LogRecoveryTest, AFileThatEndsInItsHeaderOrBeforeLaterSegmentsIsRefused) {
  ASSERT_TRUE(append_each(1, 40, 1, 1000).ok());
  const std::string name = names().front();
  const Bytes intact = content(name);
  const std::uint64_t records_end = intact.find_last_not_of('\0') + 1;
  for (std::uint64_t at : {std::uint64_t{0}, std::uint64_t{39}, std::uint64_t{4096},
                           std::uint64_t{9000}, records_end - 8}) {
    expect_refusal(open_with(name, intact.substr(0, at)));
  }
}

TEST_F(LogRecoveryTest, ALastBatchWithAFlippedByteHoldsWhatIsBeforeIt) {
  ASSERT_TRUE(append(1, 1, 1).ok());
  const std::uint64_t begin = end();
  ASSERT_TRUE(append(2, 3, 1, 24).ok());
  const std::string name = names().front();
  const Bytes intact = content(name);
  for (std::uint64_t at = begin; at < begin + 3 * record_bytes(24); at++) {
    ASSERT_TRUE(open_with(name, flipped_at(intact, at)).ok());
    ASSERT_EQ(recovered.last, Index(1 + (at - begin) / record_bytes(24))) << "flipped at " << at;
    // Nothing shows any more that the very last record was one, if it does not show its run.
    const bool shown = at < begin + 2 * record_bytes(24) + 8 || !recovered.torn.empty();
    ASSERT_TRUE(shown || recovered.torn.empty());
  }
}

TEST_F(LogRecoveryTest, ATornBatchIsReported) {
  ASSERT_TRUE(append(1, 1, 1).ok());
  const std::uint64_t begin = end();
  ASSERT_TRUE(append(2, 3, 1).ok());
  const std::string name = names().front();
  ASSERT_TRUE(open_with(name, flipped_at(content(name), begin)).ok());
  EXPECT_EQ(recovered.torn, "/log/0000000000000001.seg at offset " + std::to_string(begin));
}

TEST_F(LogRecoveryTest, DamageInFrontOfWhatWasSyncedLaterIsRefused) {
  ASSERT_TRUE(vote(1, 1).ok());
  ASSERT_TRUE(append(1, 3, 1, 24).ok());
  const std::uint64_t damage_end = end();
  ASSERT_TRUE(append(4, 1, 1, 24).ok());
  const std::string name = names().front();
  const Bytes intact = content(name);
  for (std::uint64_t at = kSegmentHeaderBytes; at < damage_end; at++) {
    const Status status = open_with(name, flipped_at(intact, at));
    ASSERT_FALSE(status.ok()) << "flipped at " << at;
    expect_refusal(status);
    EXPECT_NE(status.text().find("is damaged at offset"), std::string::npos) << status.text();
  }
}

TEST_F(LogRecoveryTest, DamageInASegmentBeforeTheLastIsRefused) {
  ASSERT_TRUE(append_each(1, 20, 1, 1000).ok());
  ASSERT_TRUE(append(21, 1, 1, 1000).ok());
  const std::string name = names().front();
  const Bytes intact = content(name);
  const std::uint64_t records_end = intact.find_last_not_of('\0') + 1;
  for (std::uint64_t at = kSegmentHeaderBytes; at < records_end; at += 7) {
    const Status status = open_with(name, flipped_at(intact, at));
    // The seal's last three bytes are no part of anything, like all padding.
    ASSERT_FALSE(status.ok()) << "flipped at " << at << " of " << records_end;
    expect_refusal(status);
  }
  for (std::uint64_t at = kSegmentHeaderBytes; at < records_end; at += 64) {
    const Status status = open_with(name, zeros_from(intact, at));
    ASSERT_FALSE(status.ok()) << "cut at " << at << " of " << records_end;
    expect_refusal(status);
  }
}

TEST_F(LogRecoveryTest, AMissingSegmentIsRefusedAndNothingIsRemoved) {
  ASSERT_TRUE(append_each(1, 40, 1, 1000).ok());
  close();
  const std::vector<std::string> all = names();
  ASSERT_GE(all.size(), 4u);
  // The last one is the spare, which nobody misses.
  for (std::size_t i = 0; i + 1 < all.size(); i++) {
    const Bytes lost = content(all[i]);
    ASSERT_TRUE(files.remove(path(all[i])).ok());
    const std::vector<std::string> left = names();
    expect_refusal(open());
    EXPECT_EQ(names(), left) << "without " << all[i];
    set_content(all[i], lost);
  }
  ASSERT_TRUE(files.remove(path(all.back())).ok());
  EXPECT_TRUE(open().ok());
  EXPECT_EQ(recovered.last, Index(40));
}

TEST_F(LogRecoveryTest, AMissingLogIsRefusedUnlessThereNeverWasAny) {
  ASSERT_TRUE(append(1, 3, 1).ok());
  take_snapshot(2);
  close();
  for (const std::string& name : names()) ASSERT_TRUE(files.remove(path(name)).ok());
  expect_refusal(open());
  snapshot = {};
  EXPECT_TRUE(open().ok());
}

TEST_F(LogRecoveryTest, AMissingSegmentThatTheSnapshotCoversIsNotMissed) {
  ASSERT_TRUE(append_each(1, 40, 1, 1000).ok());
  const std::vector<std::string> all = names();
  close();
  snapshot = {Index(25), Term(1), "", ""};
  ASSERT_TRUE(files.remove(path(all[1])).ok());
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(found.entries.size(), 15u);
  EXPECT_EQ(names().front(), all[2]);
}

TEST_F(LogRecoveryTest, ADamagedSegmentHeaderIsRefused) {
  ASSERT_TRUE(append_each(1, 20, 1, 1000).ok());
  for (const std::string& name : names()) {
    const Bytes intact = content(name);
    for (std::uint64_t at = 0; at < 40; at++) {
      const Status status = open_with(name, flipped_at(intact, at));
      ASSERT_FALSE(status.ok()) << name << " flipped at " << at;
      expect_refusal(status);
    }
    expect_refusal(open_with(name, intact + Bytes(8, '\0')));
    expect_refusal(open_with(name, ""));
  }
}

TEST_F(LogRecoveryTest, WhatACrashLeftOfASegmentInTheMakingIsTidiedUp) {
  ASSERT_TRUE(append(1, 1, 1).ok());
  close();
  set_content("0000000000000003.seg.new", "half a header");
  set_content("lost+found", "not ours");
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(names(), (std::vector<std::string>{"0000000000000001.seg", "0000000000000002.seg",
                                               "lost+found"}));
}

TEST_F(LogRecoveryTest, ALogThatEndsBeforeTheSnapshotBeginsBehindIt) {
  ASSERT_TRUE(append(1, 20, 1).ok());
  snapshot = {Index(100), Term(3), "", ""};
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(recovered.last, Index(100));
  model.adopt(found);
  for (std::uint64_t i = 101; i < 110; i++) {
    ASSERT_TRUE(append(i, 1, 3).ok());
    ASSERT_TRUE(open().ok());
    ASSERT_EQ(model.complaint(snapshot, found), "");
  }
}

// The log goes on behind the snapshot, but with another history.
TEST_F(LogRecoveryTest, ALogThatContradictsTheSnapshotBeginsBehindIt) {
  ASSERT_TRUE(append(1, 20, 1).ok());
  snapshot = {Index(10), Term(3), "", ""};
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(recovered.last, Index(10));
  EXPECT_EQ(entries(), "");
  model.adopt(found);
  for (std::uint64_t i = 11; i < 20; i++) {
    ASSERT_TRUE(append(i, 1, 3).ok());
    ASSERT_TRUE(open().ok());
    ASSERT_EQ(model.complaint(snapshot, found), "");
  }
}

// The commit index that comes with entries is true of them, and not of those they replace.
TEST_F(LogRecoveryTest, ATornBatchDoesNotCommitWhatItReplaces) {
  ASSERT_TRUE(append(1, 10, 1).ok());
  const std::uint64_t begin = end();
  const HardState state{Term(2), RaftId(3), Index(7)};
  ASSERT_TRUE(append(state, {entry(6, 2, 24), entry(7, 2, 24), entry(8, 2, 24)}).ok());
  const std::uint64_t after = end();
  const std::string name = names().front();
  const Bytes whole = content(name);
  for (std::uint64_t at = begin; at <= after; at += 8) {
    ASSERT_TRUE(open_with(name, zeros_from(whole, at)).ok());
    if (found.hard_state != state) {
      EXPECT_EQ(entries(), "1:1 2:1 3:1 4:1 5:1 6:1 7:1 8:1 9:1 10:1") << "cut at " << at;
      continue;
    }
    for (std::uint64_t i = 6; i <= found.last().value(); i++) {
      EXPECT_EQ(found.term(Index(i)), Term(2)) << "cut at " << at;
    }
    EXPECT_EQ(recovered.last, found.last());
  }
}

// Wherever the first batch behind the new beginning is cut off, the log goes on from there.
TEST_F(LogRecoveryTest, ABeginningBehindTheSnapshotMayBeTorn) {
  ASSERT_TRUE(append(1, 20, 1).ok());
  const std::uint64_t begin = end();
  const std::string name = names().front();
  snapshot = {Index(21), Term(3), "", ""};
  for (const bool installed : {false, true}) {
    const Bytes before = content(name);
    ASSERT_TRUE(open().ok());
    model.adopt(found);
    if (installed) {
      ASSERT_TRUE(install_snapshot(21, 3).ok());
    }
    ASSERT_TRUE(append(22, 1, 3).ok());
    const std::uint64_t after = end();
    const Bytes whole = content(name);
    for (std::uint64_t at = begin; at < after; at += 8) {
      close();
      set_content(name, zeros_from(whole, at));
      ASSERT_TRUE(open().ok()) << "cut at " << at;
      ASSERT_EQ(recovered.last, Index(21)) << "cut at " << at;
      model.adopt(found);
      ASSERT_TRUE(append(22, 1, 3).ok());
      ASSERT_TRUE(open().ok()) << "cut at " << at;
      ASSERT_EQ(entries(), "22:3") << "cut at " << at;
    }
    close();
    set_content(name, before);
  }
}

TEST_F(LogRecoveryTest, ALogThatBeganBehindALaterSnapshotIsRefused) {
  ASSERT_TRUE(install_snapshot(100, 3).ok());
  ASSERT_TRUE(append(101, 1, 3).ok());
  snapshot = {Index(99), Term(3), "", ""};
  expect_refusal(open());
}

// Also when a segment was sealed before the crash, and the next one has no record yet.
TEST_F(LogRecoveryTest, TheSegmentWithTheStateStaysUntilAnotherHasIt) {
  Random random(1);
  for (std::uint64_t operations = 0; operations < 12; operations++) {
    LogFixture each;
    each.options.recycled_max = 0;  // what is released goes at once
    ASSERT_TRUE(each.open().ok());
    ASSERT_TRUE(each.vote(5, 2).ok());
    ASSERT_TRUE(each.append_each(1, 11, 5, 1000).ok());
    each.files.freeze_after(operations);
    (void)each.append(12, 1, 5, 1000);
    ASSERT_TRUE(each.open_after(SimFileSystem::Crash::kProcess, random).ok());
    ASSERT_EQ(each.complaint, "");
    each.take_snapshot(each.found.last().value());
    ASSERT_TRUE(each.open().ok());
    EXPECT_EQ(each.found.hard_state.term, Term(5)) << operations << " operations";
  }
}

// What only the operating system still holds is read and believed: it must not get lost later.
TEST_F(LogRecoveryTest, WhatWasReadIsDurable) {
  for (std::uint64_t seed = 1; seed <= 200; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    LogFixture each;
    ASSERT_TRUE(each.open().ok());
    ASSERT_TRUE(each.append(1, 3, 1).ok());
    each.files.fail_sync_after(0);
    (void)each.append(4, 3, 1, 400);
    ASSERT_TRUE(each.open_after(SimFileSystem::Crash::kProcess, random).ok());
    ASSERT_TRUE(each.open_after(SimFileSystem::Crash::kPower, random).ok());
    ASSERT_EQ(each.complaint, "");
    // A new run starts behind it, and its first batch is torn.
    each.files.freeze_after(1);
    (void)each.append(each.found.last().value() + 1, 3, 1, 400);
    const Status status = each.open_after(SimFileSystem::Crash::kPower, random);
    ASSERT_TRUE(status.ok()) << status.text();
    ASSERT_EQ(each.complaint, "");
  }
}

}  // namespace
}  // namespace rqlite::raft
