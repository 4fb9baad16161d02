// The bytes of a log segment, as recovery finds them.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "raft/segment.h"
#include "raft/segment_scan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rqlite;
  using namespace rqlite::raft;
  constexpr std::uint64_t kSalt = 42;
  // Checksums would stop all but the first byte of chance. So the input says what records there
  // are, and then damages what they encode to.
  Bytes segment(kSegmentHeaderBytes, '\0');
  std::size_t at = 0;
  auto next = [&] { return at < size ? data[at++] : std::uint8_t{0}; };
  const std::size_t records = next() % 16;
  for (std::size_t i = 0; i < records; i++) {
    Record record;
    record.type = static_cast<RecordType>(next() % 8);
    record.run = next() % 3;
    record.batch = next() % 2 == 0 ? static_cast<std::uint32_t>(segment.size()) : next() * 16u;
    record.index = Index(next());
    record.term = Term(next());
    const Bytes payload(next() % 40, static_cast<char>(next()));
    record.payload = payload;
    Bytes encoded(record_bytes(payload.size()), '\0');
    encode_record_header(record, kSalt, encoded.data());
    encoded.replace(kRecordHeaderBytes, payload.size(), payload);
    segment += encoded;
  }
  segment.append(next() * 4u, '\0');
  while (at + 3 <= size) {
    const std::size_t where = (next() | static_cast<std::size_t>(next()) << 8) % segment.size();
    segment[where] = static_cast<char>(next());
  }
  std::optional<std::uint32_t> run;
  std::uint64_t last = 0;
  const ScanEnd end =
      scan_segment(segment, kSalt, run, [&](const Record& record, std::uint64_t offset) {
        CHECK(offset >= last && offset + record_bytes(record.payload.size()) <= segment.size());
        last = offset + record_bytes(record.payload.size());
      });
  CHECK(end.offset <= segment.size());
  return 0;
}
