#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "command/request.h"
#include "command/result.h"
#include "raft/types.h"

namespace rqlite::store {

// What tells two requests of one idempotency key apart: XXH3-128 of what they ask for.
struct Fingerprint {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};
Fingerprint fingerprint_of(BytesView statements, command::RequestFlags flags);

// What became of one request, kept for whoever asks later: a queued request that failed, a write
// that a member forwarded, or the first request with an idempotency key. A view into a record.
struct Outcome {
  // Of a failure, and of a forwarded write:
  BytesView node_id;    // of a failure, else empty
  raft::RaftId member;  // of a forwarded write, else none
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;
  raft::Index index;  // of the entry
  command::RequestResult::Key key_use = command::RequestResult::Key::kFirst;
  // Of a key:
  BytesView key;
  Fingerprint fingerprint;

  BytesView result;  // as command::encode_result() gives it
};

// The form in which an outcome lives in memory and in the journal, in protobuf's encoding. Never
// changes once it is made, so that a snapshot may write it while more are kept.
using OutcomeRecord = std::shared_ptr<const Bytes>;

OutcomeRecord make_record(const Outcome& outcome);
// Nullopt if `bytes` is not a record. The outcome lives as long as the bytes.
std::optional<Outcome> read_record(BytesView bytes);

// What of `result` is kept: all of it, or, beyond `bytes_max`, only the reason why it failed.
Bytes kept_result(const command::RequestResult& result, std::size_t bytes_max);

}  // namespace rqlite::store
