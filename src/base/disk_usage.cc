#include "base/disk_usage.h"

#include <fmt/format.h>

#include <array>
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

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes) / 1024;
  // What would be rounded to 1024 is 1 of the next.
  for (; value >= 1023.95 && unit + 1 < kUnits.size(); unit++) value /= 1024;
  const std::string text = fmt::format("{:.1f}", value);
  return fmt::format("{} {}", text.ends_with(".0") ? text.substr(0, text.size() - 2) : text,
                     kUnits[unit]);
}

}  // namespace rqlite
