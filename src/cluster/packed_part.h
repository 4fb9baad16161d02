#pragma once

#include <cstddef>
#include <optional>

#include "base/bytes.h"

namespace rqlite::cluster {

// Makes what is sent between nodes smaller, as fast as networks are: zstd at its lowest level.
Bytes pack(BytesView bytes);
// Nullopt if that is not what pack() made of at most `bytes_max` bytes.
std::optional<Bytes> unpack(BytesView packed, std::size_t bytes_max);

}  // namespace rqlite::cluster
