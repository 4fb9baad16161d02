#include "raft/record.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace rqlite::raft {

void encode_record_header(const Record& record, std::uint64_t salt, char* to) {
  std::memset(to, 0, kRecordHeaderBytes);
  const auto length = static_cast<std::uint32_t>(record.payload.size());
  const std::uint64_t index = record.index.value();
  const std::uint64_t term = record.term.value();
  std::memcpy(to + 8, &length, 4);
  std::memcpy(to + 12, &record.batch, 4);
  std::memcpy(to + 16, &index, 8);
  std::memcpy(to + 24, &term, 8);
  std::memcpy(to + 32, &record.run, 4);
  to[36] = static_cast<char>(record.type);

  XXH3_state_t state;
  XXH3_64bits_reset_withSeed(&state, salt);
  XXH3_64bits_update(&state, to + 8, kRecordHeaderBytes - 8);
  XXH3_64bits_update(&state, record.payload.data(), record.payload.size());
  const std::uint64_t checksum = XXH3_64bits_digest(&state);
  std::memcpy(to, &checksum, 8);
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
  XXH3_state_t state;
  XXH3_64bits_reset_withSeed(&state, salt);
  XXH3_64bits_update(&state, from + 8, kRecordHeaderBytes - 8 + length);
  if (load_number<std::uint64_t>(from) != XXH3_64bits_digest(&state)) return std::nullopt;
  return Record{
      .type = static_cast<RecordType>(type),
      .run = load_number<std::uint32_t>(from + 32),
      .batch = load_number<std::uint32_t>(from + 12),
      .index = Index(load_number<std::uint64_t>(from + 16)),
      .term = Term(load_number<std::uint64_t>(from + 24)),
      .payload = bytes.substr(kRecordHeaderBytes, length),
  };
}

}  // namespace rqlite::raft
