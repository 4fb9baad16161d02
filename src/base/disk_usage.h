#pragma once

#include <cstdint>
#include <string>

namespace rqlite {

// Bytes of the file at `path`, or of all files below that directory; those that cannot be looked at
// do not count. As they are written, not as they lie on the disk.
std::uint64_t bytes_in(const std::string& path);

// "512 B", "1.5 KiB", "20 MiB": for people.
std::string format_bytes(std::uint64_t bytes);

}  // namespace rqlite
