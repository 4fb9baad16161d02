#include "raft/record.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace rqlite::raft {
namespace {

constexpr std::uint64_t kSalt = 0x5A17;

Bytes encode(const Record& record, std::uint64_t salt = kSalt) {
  Bytes bytes(kRecordHeaderBytes, '\0');
  encode_record_header(record, salt, bytes.data());
  bytes.append(record.payload);
  bytes.resize(record_bytes(record.payload.size()), '\0');
  return bytes;
}

Record entry(BytesView payload) {
  return {.type = RecordType::kEntry,
          .run = 7,
          .batch = 4096,
          .index = Index(3),
          .term = Term(2),
          .payload = payload};
}

TEST(RecordTest, ComesBackAsItWas) {
  for (const RecordType type : {RecordType::kOpen, RecordType::kState, RecordType::kEntry,
                                RecordType::kChange, RecordType::kStart, RecordType::kSeal}) {
    Record record = entry("payload");
    record.type = type;
    const Bytes bytes = encode(record);
    const std::optional<Record> decoded = decode_record(bytes, kSalt);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->type, type);
    EXPECT_EQ(decoded->run, 7u);
    EXPECT_EQ(decoded->batch, 4096u);
    EXPECT_EQ(decoded->index, Index(3));
    EXPECT_EQ(decoded->term, Term(2));
    EXPECT_EQ(decoded->payload, "payload");
  }
}

TEST(RecordTest, IsDecodedInPlaceWhateverFollows) {
  const Bytes bytes = encode(entry("payload")) + "what follows";
  const std::optional<Record> decoded = decode_record(bytes, kSalt);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->payload.data(), bytes.data() + kRecordHeaderBytes);
}

TEST(RecordTest, TakesAMultipleOfEightBytes) {
  for (std::size_t payload = 0; payload < 100; payload++) {
    EXPECT_EQ(record_bytes(payload) % 8, 0u);
    EXPECT_GE(record_bytes(payload), kRecordHeaderBytes + payload);
    EXPECT_LT(record_bytes(payload), kRecordHeaderBytes + payload + 8);
  }
}

TEST(RecordTest, OneFlippedBitAnywhereIsNoticed) {
  const Bytes bytes = encode(entry("sixteen bytes !!"));
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit++) {
    Bytes flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(decode_record(flipped, kSalt)) << "bit " << bit;
  }
}

TEST(RecordTest, IsOfOneSegmentOnly) { EXPECT_FALSE(decode_record(encode(entry("x")), kSalt + 1)); }

TEST(RecordTest, IsNothingUntilItIsWhole) {
  const Bytes bytes = encode(entry("sixteen bytes !!"));
  for (std::size_t size = 0; size < bytes.size(); size++) {
    EXPECT_FALSE(decode_record(BytesView(bytes).substr(0, size), kSalt)) << "size " << size;
  }
}

TEST(RecordTest, NoiseIsNoRecord) {
  Random random(1);
  for (int i = 0; i < 20'000; i++) {
    Bytes noise;
    while (noise.size() < 64) append_number(noise, random.next());
    // With what the cheap tests look at in order, so that the checksum decides.
    noise[36] = static_cast<char>(1 + random.below(6));
    noise.replace(8, 4, Bytes("\x10\0\0\0", 4));
    EXPECT_FALSE(decode_record(noise, kSalt));
  }
}

}  // namespace
}  // namespace rqlite::raft
