#include "http/basic_auth.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace rqlite::http {
namespace {

constexpr std::string_view kScheme = "basic ";

// What the letter `c` stands for; -1 if it is none.
int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

// The bytes behind `text`, if it is the one text that stands for them: padded, without blanks,
// and with zeros in the bits that no byte needs.
std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t letters = text.size() - (text.ends_with("==")  ? 2
                                             : text.ends_with('=') ? 1
                                                                   : 0);
  std::string bytes;
  bytes.reserve(letters * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;  // of the bits that wait for a byte
  for (const char c : text.substr(0, letters)) {
    const int digit = base64_digit(c);
    if (digit < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count);
      bits &= (1u << count) - 1;
    }
  }
  if (bits != 0) return std::nullopt;
  return bytes;
}

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
