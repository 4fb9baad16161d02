#include "base/duration.h"

#include <array>
#include <cstdint>
#include <utility>

namespace rqlite {
namespace {

__extension__ using Uint128 = unsigned __int128;

using std::chrono::nanoseconds;

// Longest first where one is the beginning of another ("m" of "ms").
constexpr std::array<std::pair<std::string_view, std::uint64_t>, 8> kUnits{{
    {"ns", 1},
    {"us", 1'000},
    {"\u00b5s", 1'000},  // micro sign
    {"\u03bcs", 1'000},  // Greek mu
    {"ms", 1'000'000},
    {"s", 1'000'000'000},
    {"m", 60'000'000'000},
    {"h", 3'600'000'000'000},
}};

// Takes the unit's text off `text`; 0 if there is none.
std::uint64_t take_unit(std::string_view& text) {
  for (const auto& [name, nanos] : kUnits) {
    if (text.starts_with(name)) {
      text.remove_prefix(name.size());
      return nanos;
    }
  }
  return 0;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "1.500" and "ms" for 1,500,000 ns per 1,000,000: no trailing zeros, no bare point.
std::string decimal(std::uint64_t nanos, std::uint64_t unit) {
  std::string text = std::to_string(nanos / unit);
  std::uint64_t rest = nanos % unit;
  if (rest == 0) return text;
  text += '.';
  while (rest != 0) {
    rest *= 10;
    text += static_cast<char>('0' + rest / unit);
    rest %= unit;
  }
  return text;
}

}  // namespace

std::optional<nanoseconds> parse_duration(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text == "0") return nanoseconds(0);
  if (text.empty()) return std::nullopt;

  // 2^63 is allowed for negative totals only; Uint128 leaves room to check afterwards.
  constexpr Uint128 kLimit = static_cast<Uint128>(1) << 63;
  Uint128 total = 0;
  while (!text.empty()) {
    Uint128 whole = 0;
    Uint128 fraction = 0;
    Uint128 scale = 1;
    bool any_digit = false;
    while (!text.empty() && is_digit(text[0])) {
      whole = whole * 10 + static_cast<unsigned>(text[0] - '0');
      if (whole > kLimit) return std::nullopt;
      any_digit = true;
      text.remove_prefix(1);
    }
    if (!text.empty() && text[0] == '.') {
      text.remove_prefix(1);
      while (!text.empty() && is_digit(text[0])) {
        // Digits beyond 18 cannot change a count of nanoseconds.
        if (scale < 1'000'000'000'000'000'000u) {
          fraction = fraction * 10 + static_cast<unsigned>(text[0] - '0');
          scale *= 10;
        }
        any_digit = true;
        text.remove_prefix(1);
      }
    }
    if (!any_digit) return std::nullopt;
    const std::uint64_t unit = take_unit(text);
    if (unit == 0) return std::nullopt;
    total += whole * unit + fraction * unit / scale;
    if (total > kLimit) return std::nullopt;
  }
  if (!negative && total == kLimit) return std::nullopt;
  const auto magnitude = static_cast<std::uint64_t>(total);
  return nanoseconds(static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude));
}

std::string format_duration(nanoseconds duration) {
  const bool negative = duration.count() < 0;
  std::uint64_t nanos = static_cast<std::uint64_t>(duration.count());
  if (negative) nanos = 0 - nanos;
  const std::string sign = negative ? "-" : "";
  if (nanos == 0) return "0s";
  if (nanos < 1'000) return sign + std::to_string(nanos) + "ns";
  if (nanos < 1'000'000) return sign + decimal(nanos, 1'000) + "\u00b5s";
  if (nanos < 1'000'000'000) return sign + decimal(nanos, 1'000'000) + "ms";

  constexpr std::uint64_t kMinute = 60'000'000'000;
  constexpr std::uint64_t kHour = 60 * kMinute;
  std::string text = sign;
  if (nanos >= kHour) text += std::to_string(nanos / kHour) + "h";
  if (nanos >= kMinute) text += std::to_string(nanos % kHour / kMinute) + "m";
  return text + decimal(nanos % kMinute, 1'000'000'000) + "s";
}

}  // namespace rqlite
