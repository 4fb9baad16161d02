#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace rqlite::http {

// How values of columns declared DATE, DATETIME or TIMESTAMP are shown: RFC 3339.

// An INTEGER is Unix time, in milliseconds if its magnitude is above 10^12. kInvalid, with the
// text that clients know, if the year does not fit.
Result<std::string> date_of_integer(std::int64_t value);

// A TEXT is read by the layouts that clients write; what none fits is the year 1.
Result<std::string> date_of_text(std::string_view text);

// A moment of ours, in UTC and to the nanosecond.
std::string date_of_time(WallTime time);

}  // namespace rqlite::http
