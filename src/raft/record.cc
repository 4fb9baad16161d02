#include "raft/record.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"

namespace rqlite::raft {
namespace {

// Header and payload lie apart when a record is written.
std::uint64_t checksum(const char* header, BytesView payload, std::uint64_t salt) {
  const std::uint64_t seed = XXH3_64bits_withSeed(header + 8, kRecordHeaderBytes - 8, salt);
  return XXH3_64bits_withSeed(payload.data(), payload.size(), seed);
}

}  // namespace

Bytes encode_state(const HardState& state) {
  Bytes payload;
  append_number(payload, state.vote.value());
  append_number(payload, state.commit.value());
  CHECK(payload.size() == kStatePayloadBytes);
  return payload;
}

std::optional<HardState> decode_state(const Record& record) {
  if (record.payload.size() != kStatePayloadBytes) return std::nullopt;
  return HardState{record.term, RaftId(load_number<std::uint64_t>(record.payload.data())),
                   Index(load_number<std::uint64_t>(record.payload.data() + 8))};
}

void encode_record_header(const Record& record, std::uint64_t salt, char* to) {
  std::memset(to, 0, kRecordHeaderBytes);
  const auto length = static_cast<std::uint32_t>(record.payload.size());
  const std::uint64_t index = record.index.value();
  const std::uint64_t term = record.term.value();
  const std::uint32_t run = masked_run(record.run, salt);
  std::memcpy(to + 8, &length, 4);
  std::memcpy(to + 12, &record.batch, 4);
  std::memcpy(to + 16, &index, 8);
  std::memcpy(to + 24, &term, 8);
  std::memcpy(to + 32, &run, 4);
  to[36] = static_cast<char>(record.type);

  const std::uint64_t sum = checksum(to, record.payload, salt);
  std::memcpy(to, &sum, 8);
}

std::optional<Record> decode_record(BytesView bytes, std::uint64_t salt) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  const char* from = bytes.data();
  const auto type = static_cast<std::uint8_t>(from[36]);
  if (type < static_cast<std::uint8_t>(RecordType::kOpen) ||
      type > static_cast<std::uint8_t>(RecordType::kSeal)) {
    return std::nullopt;
  }
  const auto length = load_number<std::uint32_t>(from + 8);
  if (length > bytes.size() - kRecordHeaderBytes) return std::nullopt;
  const BytesView payload = bytes.substr(kRecordHeaderBytes, length);
  if (load_number<std::uint64_t>(from) != checksum(from, payload, salt)) return std::nullopt;
  return Record{
      .type = static_cast<RecordType>(type),
      .run = masked_run(load_number<std::uint32_t>(from + 32), salt),
      .batch = load_number<std::uint32_t>(from + 12),
      .index = Index(load_number<std::uint64_t>(from + 16)),
      .term = Term(load_number<std::uint64_t>(from + 24)),
      .payload = payload,
  };
}

}  // namespace rqlite::raft
