#pragma once

#include <string>

namespace rqlite {

// A text for people as somebody sent it, without the line ends that it ends with.
inline std::string without_line_end(std::string text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace rqlite
