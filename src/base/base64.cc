#include "base/base64.h"

#include <cstddef>
#include <cstdint>

namespace rqlite {
namespace {

// What the letter `c` stands for; -1 if it is none.
int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

}  // namespace

void append_base64(Bytes& to, BytesView bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t left = bytes.size() - at;
    unsigned group = 0;
    for (std::size_t i = 0; i < 3; i++) {
      group = group << 8 | (i < left ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    }
    to += kAlphabet[group >> 18];
    to += kAlphabet[group >> 12 & 63];
    to += left > 1 ? kAlphabet[group >> 6 & 63] : '=';
    to += left > 2 ? kAlphabet[group & 63] : '=';
  }
}

std::optional<Bytes> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t letters = text.size() - (text.ends_with("==")  ? 2
                                             : text.ends_with('=') ? 1
                                                                   : 0);
  Bytes bytes;
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

}  // namespace rqlite
