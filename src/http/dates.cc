#include "http/dates.h"

#include <fmt/format.h>

#include <chrono>
#include <ctime>

namespace rqlite::http {
namespace {

constexpr std::string_view kUnreadable = "0001-01-01T00:00:00Z";

struct Moment {
  std::int64_t year = 0;
  unsigned month = 1;
  unsigned day = 1;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
  unsigned nanosecond = 0;
  int offset_minutes = 0;
};

std::string to_text(const Moment& moment) {
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", moment.year, moment.month,
                                 moment.day, moment.hour, moment.minute, moment.second);
  if (moment.nanosecond != 0) {
    std::string fraction = fmt::format(".{:09}", moment.nanosecond);
    while (fraction.back() == '0') fraction.pop_back();
    text += fraction;
  }
  if (moment.offset_minutes == 0) return text + "Z";
  const int magnitude = moment.offset_minutes < 0 ? -moment.offset_minutes : moment.offset_minutes;
  return text + fmt::format("{}{:02}:{:02}", moment.offset_minutes < 0 ? '-' : '+', magnitude / 60,
                            magnitude % 60);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes exactly `digits` digits off the front of `text`.
std::optional<unsigned> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  unsigned value = 0;
  for (std::size_t i = 0; i < digits; i++) {
    if (!is_digit(text[i])) return std::nullopt;
    value = value * 10 + static_cast<unsigned>(text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

bool take_date(std::string_view& text, Moment& moment) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-')) return false;
  const auto month = take_number(text, 2);
  if (!month || !take(text, '-')) return false;
  const auto day = take_number(text, 2);
  if (!day) return false;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok()) return false;
  moment.year = *year;
  moment.month = *month;
  moment.day = *day;
  return true;
}

bool take_clock(std::string_view& text, Moment& moment, bool& has_seconds) {
  const bool two_digits = text.size() > 1 && is_digit(text[1]);
  const auto hour = take_number(text, two_digits ? 2 : 1);
  if (!hour || *hour > 23 || !take(text, ':')) return false;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59) return false;
  moment.hour = *hour;
  moment.minute = *minute;
  has_seconds = take(text, ':');
  if (!has_seconds) return true;
  const auto second = take_number(text, 2);
  if (!second || *second > 59) return false;
  moment.second = *second;
  if (text.empty() || (text.front() != '.' && text.front() != ',')) return true;
  if (text.size() < 2 || !is_digit(text[1])) return false;
  text.remove_prefix(1);
  unsigned scale = 100'000'000;
  while (!text.empty() && is_digit(text.front())) {
    moment.nanosecond += scale * static_cast<unsigned>(text.front() - '0');
    scale /= 10;  // digits behind the ninth count for nothing
    text.remove_prefix(1);
  }
  return true;
}

// "+hh:mm". True if there is none, too.
bool take_offset(std::string_view& text, Moment& moment) {
  if (text.empty()) return true;
  const bool negative = text.front() == '-';
  if (!negative && text.front() != '+') return false;
  text.remove_prefix(1);
  const auto hours = take_number(text, 2);
  if (!hours || *hours > 24 || !take(text, ':')) return false;
  const auto minutes = take_number(text, 2);
  if (!minutes || *minutes > 59) return false;
  const int total = static_cast<int>(*hours * 60 + *minutes);
  moment.offset_minutes = negative ? -total : total;
  return true;
}

std::optional<Moment> parse(std::string_view text) {
  if (text.ends_with('Z')) text.remove_suffix(1);
  Moment moment;
  if (!take_date(text, moment)) return std::nullopt;
  if (text.empty()) return moment;
  if (!take(text, 'T')) {
    if (!take(text, ' ')) return std::nullopt;
    while (take(text, ' ')) {
    }
  }
  bool has_seconds = false;
  if (text.empty() || !take_clock(text, moment, has_seconds)) return std::nullopt;
  if (has_seconds && !take_offset(text, moment)) return std::nullopt;
  if (!text.empty()) return std::nullopt;
  return moment;
}

}  // namespace

Result<std::string> date_of_integer(std::int64_t value) {
  constexpr std::int64_t kLargestSeconds = 1'000'000'000'000;
  std::int64_t seconds = value;
  std::int64_t nanoseconds = 0;
  if (value > kLargestSeconds || value < -kLargestSeconds) {
    // Beyond 64 bits of nanoseconds it wraps; clients have seen that for ever.
    const auto total = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) * 1'000'000ull);
    seconds = total / 1'000'000'000;
    nanoseconds = total % 1'000'000'000;
    if (nanoseconds < 0) {
      seconds--;
      nanoseconds += 1'000'000'000;
    }
  }
  std::int64_t days = seconds / 86400;
  std::int64_t rest = seconds % 86400;
  if (rest < 0) {
    days--;
    rest += 86400;
  }
  // Days of the years 0 to 9999, so that the calendar below stays in its range.
  constexpr std::int64_t kFirstDay = -719528;
  constexpr std::int64_t kLastDay = 2932896;
  if (days < kFirstDay || days > kLastDay) {
    return Status(Code::kInvalid, "Time.MarshalText: year outside of range [0,9999]");
  }
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(days)))};
  Moment moment;
  moment.year = static_cast<int>(date.year());
  moment.month = static_cast<unsigned>(date.month());
  moment.day = static_cast<unsigned>(date.day());
  moment.hour = static_cast<unsigned>(rest / 3600);
  moment.minute = static_cast<unsigned>(rest % 3600 / 60);
  moment.second = static_cast<unsigned>(rest % 60);
  moment.nanosecond = static_cast<unsigned>(nanoseconds);
  return to_text(moment);
}

Result<std::string> date_of_text(std::string_view text) {
  const std::optional<Moment> moment = parse(text);
  if (!moment) return std::string(kUnreadable);
  if (moment->offset_minutes >= 24 * 60 || moment->offset_minutes <= -24 * 60) {
    return Status(Code::kInvalid, "Time.MarshalText: timezone hour outside of range [0,23]");
  }
  return to_text(*moment);
}

std::string date_of_time(WallTime time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count();
  const std::time_t at = seconds.count();
  std::tm parts{};
  gmtime_r(&at, &parts);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:09}Z", date, nanos);
}

}  // namespace rqlite::http
