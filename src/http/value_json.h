#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "sqlite/value.h"

namespace rqlite::http {

// What a column's type, as clients see it, does to its values. Worked out once for a result.
class ColumnFormat {
 public:
  explicit ColumnFormat(std::string_view type);

  // Appends `value` as JSON. Not ok if it cannot be shown: kInvalid fails the statement, with the
  // text for it; kUnavailable, an infinite number, the whole reply.
  Status append(Bytes& to, const sqlite::ValueView& value, bool blob_array) const;

 private:
  bool is_boolean_;
  bool is_date_;
  bool shows_blobs_as_text_;
};

}  // namespace rqlite::http
