#include "http/basic_auth.h"

#include <cstddef>
#include <string>

#include "base/base64.h"

namespace rqlite::http {
namespace {

constexpr std::string_view kScheme = "basic ";

// Whether `text` starts with `prefix`, which is in lower case, in any case.
bool starts_with_any_case(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); i++) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != prefix[i]) return false;
  }
  return true;
}

}  // namespace

std::optional<Login> parse_basic_auth(std::string_view header) {
  if (!starts_with_any_case(header, kScheme)) return std::nullopt;
  const std::optional<std::string> pair = decode_base64(header.substr(kScheme.size()));
  if (!pair) return std::nullopt;
  const std::size_t colon = pair->find(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  return Login{pair->substr(0, colon), pair->substr(colon + 1)};
}

}  // namespace rqlite::http
