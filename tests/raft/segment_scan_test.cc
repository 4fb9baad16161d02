#include "raft/segment_scan.h"

#include <gtest/gtest.h>

#include "raft/segment.h"

namespace rqlite::raft {
namespace {

constexpr std::uint64_t kSalt = 0x5A175A175A175A17;
constexpr std::size_t kSegmentBytes = kSegmentHeaderBytes + 4096;
using Why = ScanEnd::Why;

// A segment put together record by record. Entries are numbered from 1.
class SegmentScanTest : public ::testing::Test {
 protected:
  // The next records belong to another run of the process.
  void begin_run(std::uint32_t run) {
    run_ = run;
    sync();
    add(RecordType::kOpen);
  }

  void add(RecordType type, BytesView payload = "") {
    const Record record{.type = type,
                        .run = run_,
                        .batch = static_cast<std::uint32_t>(batch_),
                        .index = Index(entries_),
                        .term = Term(1),
                        .payload = payload};
    encode_record_header(record, kSalt, &image_[end_]);
    image_.replace(end_ + kRecordHeaderBytes, payload.size(), payload);
    end_ += record_bytes(payload.size());
  }

  // Returns where the entry stands.
  std::uint64_t entry(BytesView payload = "eight by") {
    const std::uint64_t at = end_;
    entries_++;
    add(RecordType::kEntry, payload);
    return at;
  }

  // What comes now is written only after all before is durable.
  void sync() { batch_ = end_; }

  // Cuts the segment off at `offset`: the next records go there, and what is behind stays.
  void cut(std::uint64_t offset, std::uint64_t entries) {
    end_ = offset;
    entries_ = entries;
  }

  // The image with the record at `offset` damaged.
  Bytes without(std::uint64_t offset) const {
    Bytes image = image_;
    image[offset] = static_cast<char>(image[offset] ^ 1);
    return image;
  }

  // How many entries are intact, and why there are no more.
  std::pair<std::uint64_t, Why> scan(const Bytes& image) {
    std::uint64_t last = 0;
    std::optional<std::uint32_t> run;
    const ScanEnd end = scan_segment(image, kSalt, run, [&](const Record& record, std::uint64_t) {
      if (record.type == RecordType::kEntry) last = record.index.value();
    });
    stopped_ = end.offset;
    return {last, end.why};
  }
  std::pair<std::uint64_t, Why> scan() { return scan(image_); }

  Bytes image_ = Bytes(kSegmentBytes, '\0');
  std::uint64_t end_ = kSegmentHeaderBytes;
  std::uint64_t batch_ = kSegmentHeaderBytes;
  std::uint32_t run_ = 1;
  std::uint64_t entries_ = 0;
  std::uint64_t stopped_ = 0;
};

using End = std::pair<std::uint64_t, Why>;

TEST_F(SegmentScanTest, AnEmptySegmentIsClean) {
  EXPECT_EQ(scan(), End(0, Why::kClean));
  EXPECT_EQ(stopped_, kSegmentHeaderBytes);
}

TEST_F(SegmentScanTest, ReadsEveryRecordUpToTheEnd) {
  begin_run(1);
  for (int i = 0; i < 5; i++) entry();
  EXPECT_EQ(scan(), End(5, Why::kClean));
  EXPECT_EQ(stopped_, end_);
}

TEST_F(SegmentScanTest, ASealEndsTheSegment) {
  begin_run(1);
  entry();
  const std::uint64_t seal = end_;
  add(RecordType::kSeal);
  EXPECT_EQ(scan(), End(1, Why::kSealed));
  EXPECT_EQ(stopped_, seal);
}

TEST_F(SegmentScanTest, MayBeFullToTheLastByte) {
  begin_run(1);
  entry(Bytes(kSegmentBytes - end_ - kRecordHeaderBytes, 'x'));
  EXPECT_EQ(end_, kSegmentBytes);
  EXPECT_EQ(scan(), End(1, Why::kClean));
}

TEST_F(SegmentScanTest, ALastRecordCutAnywhereIsNotThere) {
  begin_run(1);
  entry();
  sync();
  const std::uint64_t last = entry("sixteen bytes !!");
  for (std::uint64_t at = last; at < end_; at++) {
    Bytes torn = image_;
    std::fill(torn.begin() + static_cast<std::ptrdiff_t>(at), torn.end(), '\0');
    // Up to the field that shows whose it was, what is left of it passes for no write at all.
    EXPECT_EQ(scan(torn), End(1, at - last < 36 ? Why::kClean : Why::kTorn)) << "cut at " << at;
    EXPECT_EQ(stopped_, last);
  }
}

TEST_F(SegmentScanTest, ABatchThatIsWrittenInAnyOrderIsTorn) {
  begin_run(1);
  entry();
  sync();
  const std::uint64_t second = entry();
  entry();
  entry();
  for (std::uint64_t at = second; at < second + record_bytes(8); at++) {
    Bytes torn = image_;
    torn[at] = static_cast<char>(torn[at] ^ 0x10);
    EXPECT_EQ(scan(torn), End(1, Why::kTorn)) << "flipped at " << at;
  }
}

TEST_F(SegmentScanTest, DamageInFrontOfALaterBatchIsDamage) {
  begin_run(1);
  const std::uint64_t first = entry();
  entry();
  sync();
  entry();
  for (std::uint64_t at = first; at < first + record_bytes(8); at++) {
    Bytes bad = image_;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    EXPECT_EQ(scan(bad), End(0, Why::kDamaged)) << "flipped at " << at;
  }
}

TEST_F(SegmentScanTest, DamageInFrontOfALaterRunIsDamage) {
  begin_run(1);
  const std::uint64_t first = entry();
  begin_run(2);
  EXPECT_EQ(scan(without(first)), End(0, Why::kDamaged));
}

// Two records torn off, and the next run writes one of the same size: it ends where the second
// stands, which is intact.
TEST_F(SegmentScanTest, ARecordBehindTheCutIsNotTakenForOneOfTheNextRun) {
  begin_run(1);
  entry();
  sync();
  const std::uint64_t torn = entry("");
  entry("");
  entry("");
  cut(torn, 1);
  EXPECT_EQ(scan(without(torn)), End(1, Why::kTorn));
  begin_run(2);
  EXPECT_EQ(scan(), End(1, Why::kClean));
  EXPECT_EQ(stopped_, end_);
  entry("");
  EXPECT_EQ(scan(), End(2, Why::kClean));
  EXPECT_EQ(stopped_, end_);
}

TEST_F(SegmentScanTest, ATornFirstBatchOfANewRunIsTorn) {
  begin_run(1);
  entry();
  const std::uint64_t opened = end_;
  begin_run(2);
  entry();
  EXPECT_EQ(scan(without(opened)), End(1, Why::kTorn));
  EXPECT_EQ(stopped_, opened);
}

TEST_F(SegmentScanTest, ARunEndsOnlyWithTheStartOfAnother) {
  begin_run(1);
  entry();
  run_ = 2;
  entry();
  EXPECT_EQ(scan().first, 1u);
}

TEST_F(SegmentScanTest, GoesOnWithTheRunOfTheSegmentBefore) {
  run_ = 3;
  entry();
  std::optional<std::uint32_t> run = 3;
  EXPECT_EQ(scan_segment(image_, kSalt, run, [](const Record&, std::uint64_t) {}).offset, end_);
  run = 4;
  EXPECT_EQ(scan_segment(image_, kSalt, run, [](const Record&, std::uint64_t) {}).offset,
            kSegmentHeaderBytes);
}

// What a recycled file held before, under another salt but perhaps of the same run, is no torn
// write.
TEST_F(SegmentScanTest, WhatARecycledFileHeldBeforeIsNothing) {
  begin_run(1);
  for (int i = 0; i < 20; i++) entry();
  std::optional<std::uint32_t> run = 1;
  const ScanEnd end =
      scan_segment(image_, kSalt + 1, run, [](const Record&, std::uint64_t) { FAIL(); });
  EXPECT_EQ(end.why, Why::kClean);
  EXPECT_EQ(end.offset, kSegmentHeaderBytes);
}

TEST_F(SegmentScanTest, ARecordThatClaimsALaterBatchThanItselfIsNone) {
  begin_run(1);
  batch_ = end_ + 8;
  entry();
  EXPECT_EQ(scan().first, 0u);
}

}  // namespace
}  // namespace rqlite::raft
