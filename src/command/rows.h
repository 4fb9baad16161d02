#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "sqlite/value.h"

namespace rqlite::command {

// The rows of one statement, values packed one after the other:
//
//   1 byte of sqlite::ValueType, then INTEGER and REAL: 8 bytes, TEXT and BLOB: 4 bytes of length
//   and the bytes, NULL: nothing
struct Rows {
  std::vector<std::string> columns;
  std::vector<std::string> types;  // as clients see them: declared, or told by the first row
  Bytes values;
  std::uint64_t count = 0;

  void add(const sqlite::ValueView& value);
};

// Reads packed values in order.
class ValuesReader {
 public:
  explicit ValuesReader(BytesView values) : values_(values) {}

  // Precondition: not all values have been read. The view lives as long as the packed bytes.
  sqlite::ValueView next();

 private:
  BytesView values_;
};

}  // namespace rqlite::command
