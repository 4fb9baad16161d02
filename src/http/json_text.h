#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace rqlite::http {

// Pieces of JSON text, exactly as clients of the API have come to expect them.

// Appends `text` quoted. `<`, `>` and `&` are escaped, as are U+2028 and U+2029; each byte that is
// not UTF-8 becomes \ufffd; all else beyond ASCII stays as it is.
void append_json_string(Bytes& to, std::string_view text);

void append_json_integer(Bytes& to, std::int64_t value);

// The shortest digits that read back as the same number: plain notation from 1e-6 up to 1e21,
// "1e+21" and "5e-7" beyond. Precondition: the value is finite.
void append_json_real(Bytes& to, double value);

// Indents compact JSON, piece by piece: four spaces for each level and one element for each line;
// empty arrays and objects stay on theirs.
class JsonIndenter {
 public:
  // Appends the indented form of `compact`, which goes on where the last piece ended. Precondition:
  // the pieces together are one JSON text without white space.
  void append(Bytes& to, BytesView compact);

 private:
  std::size_t level_ = 0;
  bool opened_ = false;     // the last character opened an array or object
  bool in_string_ = false;  // and:
  bool escaped_ = false;    // the next character stands behind a backslash
};

// A whole text at once.
Bytes indent_json(BytesView compact);

}  // namespace rqlite::http
