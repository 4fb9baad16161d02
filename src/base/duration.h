#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace rqlite {

// Durations as flags and URLs write them: an optional sign, then "0" or one or more
// <decimal><unit> without blanks, units ns us µs ms s m h. nullopt if `text` is anything else or
// the total does not fit 64-bit nanoseconds.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

// The canonical text: "0s", "402ns", "125.5µs", "1.5ms", "1m30s", "100h0m0s".
std::string format_duration(std::chrono::nanoseconds duration);

}  // namespace rqlite
