#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "command/rows.h"

namespace rqlite::command {

// What one statement did. Exactly one of: an error; rows; or what a write leaves.
struct StatementResult {
  std::int64_t last_insert_id = 0;
  std::int64_t rows_affected = 0;
  double seconds = 0;  // 0 if it was not asked for
  std::string error;
  std::unique_ptr<Rows> rows;
};

// What one request did. `error`, if any, is the whole request's, and there are no statements then.
struct RequestResult {
  std::vector<StatementResult> statements;
  std::string error;

  // Whether the request and all its statements succeeded.
  [[nodiscard]] bool ok() const;
};

}  // namespace rqlite::command
