#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace rqlite {

// Writes "[component] YYYY/MM/DD HH:MM:SS text" and a line end to standard error, in one write.
// Thread-safe. `component` is one of the words that the command-line contract lists.
void log_line(std::string_view component, std::string_view text);

template <typename... Args>
void log(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  log_line(component, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace rqlite
