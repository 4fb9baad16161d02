#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command/rows.h"

namespace rqlite::command {

// What one statement did. Exactly one of: an error; rows; or what a write leaves. Only a failed
// read has an error and rows, of which there are none.
struct StatementResult {
  std::int64_t last_insert_id = 0;
  std::int64_t rows_affected = 0;
  double seconds = 0;  // 0 if it was not asked for
  std::string error;
  std::unique_ptr<Rows> rows;
};

// What one request did. `error`, if any, is the whole request's, and there are no statements then.
struct RequestResult {
  // What became of a request with an idempotency key: it was executed; or its key had been used
  // by the same request before, whose result this is; or by another one, and it was refused.
  enum class Key : std::uint8_t { kFirst, kReplayed, kReused };

  std::vector<StatementResult> statements;
  std::string error;
  Key key = Key::kFirst;

  // Whether the request and all its statements succeeded.
  [[nodiscard]] bool ok() const;
};

// The form in which results are kept for whoever asks later, in protobuf's encoding. Leaves out
// `seconds` and `key`.
Bytes encode_result(const RequestResult& result);
// Nullopt if `encoded` is not one.
std::optional<RequestResult> decode_result(BytesView encoded);

}  // namespace rqlite::command
