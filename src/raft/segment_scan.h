#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/bytes.h"
#include "raft/record.h"

namespace rqlite::raft {

// Where and why the intact records of a segment end.
struct ScanEnd {
  enum class Why {
    kClean,    // nothing was written behind
    kSealed,   // the log goes on in the next segment
    kTorn,     // the last batch is incomplete: it was never durable, and is to be cut off
    kDamaged,  // records behind the end are intact and newer: what was durable is damaged
  };
  Why why;
  std::uint64_t offset;
};

// Reads the records of a segment, given as the bytes of its whole file, in order, and passes each
// intact one with its offset to `sink`. `run` is the run of the record before, if there is one,
// and becomes that of the last one read. Pure: the whole of recovery's judgement is here.
using RecordSink = std::function<void(const Record&, std::uint64_t offset)>;
ScanEnd scan_segment(BytesView bytes, std::uint64_t salt, std::optional<std::uint32_t>& run,
                     const RecordSink& sink);

}  // namespace rqlite::raft
