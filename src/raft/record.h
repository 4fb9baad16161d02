#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "raft/types.h"

namespace rqlite::raft {

// The unit of the log on disk.
enum class RecordType : std::uint8_t {
  kOpen = 1,   // first record of a process's run
  kState = 2,  // term and vote; its index is the log's last: entries behind that are void
  kEntry = 3,
  kChange = 4,
  kStart = 5,  // the log restarts after `index` with `term`: what stands before is void
  kSeal = 6,   // the segment is complete; the log goes on in the next one
};

struct Record {
  RecordType type;
  // Tells the runs of one node apart. After a crash the log is cut where it is torn, and intact
  // records of the old run may lie behind the cut: they must never pass for what the new run
  // wrote. So a record that is not of the run before it is valid only if it is a kOpen.
  std::uint32_t run = 0;
  // Offset of the first record that was written with the same sync. A batch starts only after
  // the one before it is durable, so a damaged record in front of this offset was once whole.
  std::uint32_t batch = 0;
  Index index;
  Term term;
  BytesView payload;
};

// Layout, little-endian; `size` is a multiple of 8:
//
//   offset  size  content
//        0     8  checksum: XXH3-64 of the payload, seeded with that of the 32 bytes at offset 8,
//                 which is seeded with the segment's salt
//        8     4  length of the payload
//       12     4  batch
//       16     8  index
//       24     8  term
//       32     4  run, masked by the salt: what a recycled file held before does not show it
//       36     1  type
//       37     3  zero
//       40     n  payload, then zeros to the next multiple of 8
inline constexpr std::size_t kRecordHeaderBytes = 40;

// Both ways.
constexpr std::uint32_t masked_run(std::uint32_t run, std::uint64_t salt) {
  return run ^ static_cast<std::uint32_t>(salt);
}

constexpr std::size_t record_bytes(std::size_t payload) {
  return (kRecordHeaderBytes + payload + 7) / 8 * 8;
}

// The payload of a kState record: vote and commit, 8 bytes each.
inline constexpr std::size_t kStatePayloadBytes = 16;
Bytes encode_state(const HardState& state);
// Nullopt if the payload is none of a state. Precondition: `record` is a kState.
std::optional<HardState> decode_state(const Record& record);

constexpr RecordType record_type(EntryKind kind) {
  return kind == EntryKind::kNormal ? RecordType::kEntry : RecordType::kChange;
}
// Precondition: the record is that of an entry.
constexpr EntryKind entry_kind(RecordType type) {
  return type == RecordType::kEntry ? EntryKind::kNormal : EntryKind::kChange;
}

// The first kRecordHeaderBytes of the record; the payload and its padding follow it.
void encode_record_header(const Record& record, std::uint64_t salt, char* to);

// The record at the start of `bytes`, if an intact one is there. The view points into `bytes`.
std::optional<Record> decode_record(BytesView bytes, std::uint64_t salt);

}  // namespace rqlite::raft
