#include "http/json_list.h"

namespace rqlite::http {

namespace {

// Where the list or object ends that `text` begins with, by its first character.
std::optional<std::size_t> end_of(std::string_view text, char first) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || text[start] != first) return std::nullopt;
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
  return std::nullopt;
}

}  // namespace

std::string missing_end(std::string_view text, std::string_view last) {
  std::string open;  // what ends each, the innermost last
  bool in_string = false;
  bool escaped = false;
  for (const char c : text) {
    if (in_string) {
      in_string = escaped || c != '"';
      escaped = !escaped && c == '\\';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      open += c == '[' ? ']' : '}';
    } else if ((c == ']' || c == '}') && !open.empty()) {
      open.pop_back();
    }
  }
  if (open.empty()) return {};
  std::string end = escaped ? "\\" : "";
  if (in_string) end += '"';
  end += last;
  return end.append(open.rbegin(), open.rend());
}

std::size_t end_of_list(std::string_view text) { return end_of(text, '[').value_or(text.size()); }

std::optional<std::size_t> end_of_object(std::string_view text) { return end_of(text, '{'); }

}  // namespace rqlite::http
