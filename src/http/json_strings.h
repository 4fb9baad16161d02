#pragma once

#include "base/bytes.h"

namespace rqlite::http {

// Decodes a JSON string's escapes into `to`. `from` points behind the opening quote of a string
// that is known to be closed. A lone surrogate becomes U+FFFD. False if an escape is not JSON's.
bool decode_json_string(const char* from, Bytes& to);

// `text` with each byte that is not part of well-formed UTF-8 replaced by U+FFFD.
Bytes replace_invalid_utf8(BytesView text);

// Length of the well-formed UTF-8 sequence at the start of `text`, whose first byte is not ASCII;
// 0 if there is none.
std::size_t utf8_sequence_length(BytesView text);

}  // namespace rqlite::http
