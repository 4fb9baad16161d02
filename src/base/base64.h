#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace rqlite {

// The standard alphabet, padded: what HTTP, JSON and their users mean by base64.
void append_base64(Bytes& to, BytesView bytes);

// The bytes behind `text`, if it is the one text that stands for them: padded, without blanks,
// and with zeros in the bits that no byte needs.
std::optional<Bytes> decode_base64(std::string_view text);

}  // namespace rqlite
