#include "http/json_list.h"

namespace rqlite::http {

std::size_t end_of_list(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || text[start] != '[') return text.size();
  std::size_t depth = 0;
  for (std::size_t at = start; at < text.size(); at++) {
    switch (text[at]) {
      case '"':
        for (at++; at < text.size() && text[at] != '"'; at++) {
          if (text[at] == '\\') at++;
        }
        break;
      case '[':
      case '{':
        depth++;
        break;
      case ']':
      case '}':
        if (--depth == 0) return at + 1;
        break;
      default:
        break;
    }
  }
  return text.size();
}

}  // namespace rqlite::http
