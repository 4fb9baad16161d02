#include "store/maintenance_record.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

namespace rqlite::store {
namespace {

using std::chrono::milliseconds;

// Before the year 2255, where nanoseconds end.
constexpr std::int64_t kMillisecondsMax = 9'000'000'000'000;

std::int64_t to_milliseconds(WallTime time) {
  return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

// The text up to `end`, which must be there, and is taken off.
std::optional<std::string_view> take(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view word = text.substr(0, at);
  text.remove_prefix(at + 1);
  return word;
}

std::optional<WallTime> parse_time(std::string_view word) {
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  const bool whole = error == std::errc() && stop == word.data() + word.size();
  if (!whole || number < 0 || number > kMillisecondsMax) return std::nullopt;
  return WallTime(milliseconds(number));
}

std::optional<MaintenanceTask> parse_task(std::string_view word) {
  for (const MaintenanceTask task : kMaintenanceTasks) {
    if (word == name_of(task)) return task;
  }
  return std::nullopt;
}

}  // namespace

const char* name_of(MaintenanceTask task) {
  switch (task) {
    case MaintenanceTask::kVacuum:
      return "vacuum";
    case MaintenanceTask::kOptimize:
      return "optimize";
  }
  return "";
}

Bytes encode_maintenance(const MaintenanceRecord& record) {
  Bytes text;
  for (const MaintenanceTask task : kMaintenanceTasks) {
    const std::optional<MaintenanceTimes>& times = record[task];
    if (!times) continue;
    text += fmt::format("{} {} {}\n", name_of(task), to_milliseconds(times->since),
                        times->last ? std::to_string(to_milliseconds(*times->last)) : "-");
  }
  return text;
}

std::optional<MaintenanceRecord> decode_maintenance(BytesView text) {
  MaintenanceRecord record;
  while (!text.empty()) {
    const auto name = take(text, ' ');
    const auto since_word = take(text, ' ');
    const auto last_word = take(text, '\n');
    if (!name || !since_word || !last_word) return std::nullopt;
    const std::optional<MaintenanceTask> task = parse_task(*name);
    const std::optional<WallTime> since = parse_time(*since_word);
    const std::optional<WallTime> last =
        *last_word == "-" ? std::optional<WallTime>() : parse_time(*last_word);
    const bool fine = task && since && (last || *last_word == "-") && !record[*task];
    if (!fine) return std::nullopt;
    record[*task] = MaintenanceTimes{*since, last};
  }
  return record;
}

}  // namespace rqlite::store
