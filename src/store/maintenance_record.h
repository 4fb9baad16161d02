#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/clock.h"

namespace rqlite::store {

// What is done to the database now and then without being asked.
enum class MaintenanceTask : std::uint8_t { kVacuum, kOptimize };
inline constexpr std::array kMaintenanceTasks{MaintenanceTask::kVacuum, MaintenanceTask::kOptimize};

// "vacuum" or "optimize".
const char* name_of(MaintenanceTask task);

// One value for each task.
template <typename T>
class PerTask {
 public:
  T& operator[](MaintenanceTask task) { return values_[static_cast<std::size_t>(task)]; }
  const T& operator[](MaintenanceTask task) const {
    return values_[static_cast<std::size_t>(task)];
  }
  friend bool operator==(const PerTask&, const PerTask&) = default;

 private:
  std::array<T, kMaintenanceTasks.size()> values_{};
};

// What has to survive restarts of a task that is switched on.
struct MaintenanceTimes {
  WallTime since;                // when it was tried last, or first asked for
  std::optional<WallTime> last;  // when it succeeded last

  friend bool operator==(const MaintenanceTimes&, const MaintenanceTimes&) = default;
};

using MaintenanceRecord = PerTask<std::optional<MaintenanceTimes>>;

// The record's form in its file: for each task that is switched on a line of three words.
//
//   vacuum 1795347287398 -                    the task's name
//   optimize 1795347287398 1795260887121      since, and last, in milliseconds since 1970;
//                                             `-` if it never succeeded
Bytes encode_maintenance(const MaintenanceRecord& record);
// Nullopt: the text is something else.
std::optional<MaintenanceRecord> decode_maintenance(BytesView text);

}  // namespace rqlite::store
