#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace rqlite {

// Bytes of the file at `path`, or of all files below that directory; those that cannot be looked at
// do not count. As they are written, not as they lie on the disk.
std::uint64_t bytes_in(const std::string& path);

// When the file at `path` was last written; nullopt if it cannot be looked at.
std::optional<WallTime> modified_at(const std::string& path);

// "512 B", "1.5 kB", "20 MB": for people, in powers of 1000.
std::string format_bytes(std::uint64_t bytes);

}  // namespace rqlite
