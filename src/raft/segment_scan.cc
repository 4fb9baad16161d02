#include "raft/segment_scan.h"

#include "raft/segment.h"

namespace rqlite::raft {
namespace {

bool belongs(const Record& record, std::uint64_t offset, std::optional<std::uint32_t> run) {
  if (record.batch > offset) return false;
  return !run || record.run == *run || record.type == RecordType::kOpen;
}

// Judges what follows `offset`, where no valid record begins. The answer needs no order among the
// blocks of one batch, which may reach the disk in any order.
ScanEnd::Why judge(BytesView bytes, std::uint64_t salt, std::uint64_t offset,
                   std::optional<std::uint32_t> run) {
  // Nothing is ever cut off in front of a segment's first record. If that one is intact, and yet
  // does not follow the record before it, the log before it is not what it was.
  if (offset == kSegmentHeaderBytes && decode_record(bytes.substr(offset), salt)) {
    return ScanEnd::Why::kDamaged;
  }
  bool torn = false;
  if (offset + kRecordHeaderBytes <= bytes.size()) {
    // An unfinished record shows its run.
    const auto length = load_number<std::uint32_t>(&bytes[offset + 8]);
    const auto shown = load_number<std::uint32_t>(&bytes[offset + 32]);
    torn = run && length < bytes.size() && masked_run(shown, salt) == *run;
  }
  for (std::uint64_t at = offset + 8; at + kRecordHeaderBytes <= bytes.size(); at += 8) {
    // Cheap tests first: nearly every offset fails them.
    const auto batch = load_number<std::uint32_t>(&bytes[at + 12]);
    if (batch > at || batch < kSegmentHeaderBytes) continue;
    const std::optional<Record> record = decode_record(bytes.substr(at), salt);
    if (!record) continue;
    // Its batch began behind `offset`, so what stood here was durable by then.
    if (record->batch > offset) return ScanEnd::Why::kDamaged;
    // Of the batch that is cut here, whose sync never returned: the last run's, or the first of a
    // new one. Others were left behind an earlier cut.
    if (record->batch == offset || (run && record->run == *run)) torn = true;
  }
  return torn ? ScanEnd::Why::kTorn : ScanEnd::Why::kClean;
}

}  // namespace

ScanEnd scan_segment(BytesView bytes, std::uint64_t salt, std::optional<std::uint32_t>& run,
                     const RecordSink& sink) {
  std::uint64_t offset = kSegmentHeaderBytes;
  while (offset < bytes.size()) {
    const std::optional<Record> record = decode_record(bytes.substr(offset), salt);
    if (!record || !belongs(*record, offset, run)) break;
    run = record->run;
    if (record->type == RecordType::kSeal) return {ScanEnd::Why::kSealed, offset};
    sink(*record, offset);
    offset += record_bytes(record->payload.size());
  }
  return {judge(bytes, salt, offset, run), offset};
}

}  // namespace rqlite::raft
