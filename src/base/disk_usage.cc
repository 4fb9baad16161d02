#include "base/disk_usage.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <system_error>

namespace rqlite {

namespace fs = std::filesystem;

std::uint64_t bytes_in(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    const std::uintmax_t size = fs::file_size(path, error);
    return error ? 0 : size;
  }
  std::uint64_t bytes = 0;
  // Files come and go meanwhile, so each step may fail.
  fs::recursive_directory_iterator each(path, error);
  for (; !error && each != fs::recursive_directory_iterator(); each.increment(error)) {
    std::error_code gone;
    if (!each->is_regular_file(gone)) continue;
    const std::uintmax_t size = each->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

std::optional<WallTime> modified_at(const std::string& path) {
  std::error_code error;
  const fs::file_time_type time = fs::last_write_time(path, error);
  if (error) return std::nullopt;
  return std::chrono::time_point_cast<WallTime::duration>(std::chrono::file_clock::to_sys(time));
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits = {"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes) / 1000;
  // What would be rounded to 1000 is 1 of the next.
  for (; value >= 999.5 && unit + 1 < kUnits.size(); unit++) value /= 1000;
  // What would be rounded to 10.0 is 10.
  return fmt::format("{:.{}f} {}", value, value < 9.95 ? 1 : 0, kUnits[unit]);
}

}  // namespace rqlite
