#include "http/json_strings.h"

#include <cstdint>

namespace rqlite::http {
namespace {

constexpr std::uint32_t kReplacement = 0xfffd;

void append_utf8(Bytes& to, std::uint32_t code) {
  if (code < 0x80) {
    to += static_cast<char>(code);
  } else if (code < 0x800) {
    to += static_cast<char>(0xc0 | code >> 6);
    to += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    to += static_cast<char>(0xe0 | code >> 12);
    to += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    to += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    to += static_cast<char>(0xf0 | code >> 18);
    to += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    to += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    to += static_cast<char>(0x80 | (code & 0x3f));
  }
}

// Four hexadecimal digits at `from`; false if there are none.
bool read_hex(const char* from, std::uint32_t& code) {
  code = 0;
  for (int i = 0; i < 4; i++) {
    const char c = from[i];
    std::uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<std::uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<std::uint32_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<std::uint32_t>(c - 'A' + 10);
    } else {
      return false;
    }
    code = code << 4 | digit;
  }
  return true;
}

// The escape behind "\u" at `from`, which moves behind it.
bool decode_unicode(const char*& from, Bytes& to) {
  std::uint32_t code = 0;
  if (!read_hex(from, code)) return false;
  from += 4;
  if (code >= 0xd800 && code < 0xdc00 && from[0] == '\\' && from[1] == 'u') {
    std::uint32_t low = 0;
    if (!read_hex(from + 2, low)) return false;
    if (low >= 0xdc00 && low < 0xe000) {
      append_utf8(to, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
      from += 6;
      return true;
    }
  }
  append_utf8(to, code >= 0xd800 && code < 0xe000 ? kReplacement : code);
  return true;
}

}  // namespace

bool decode_json_string(const char* from, Bytes& to) {
  to.clear();
  while (true) {
    const char* start = from;
    while (*from != '"' && *from != '\\') from++;
    to.append(start, from);
    if (*from == '"') return true;
    from++;
    const char escape = *from++;
    switch (escape) {
      case '"':
      case '\\':
      case '/':
        to += escape;
        break;
      case 'b':
        to += '\b';
        break;
      case 'f':
        to += '\f';
        break;
      case 'n':
        to += '\n';
        break;
      case 'r':
        to += '\r';
        break;
      case 't':
        to += '\t';
        break;
      case 'u':
        if (!decode_unicode(from, to)) return false;
        break;
      default:
        return false;
    }
  }
}

Bytes replace_invalid_utf8(BytesView text) {
  Bytes clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const bool ascii = static_cast<unsigned char>(text.front()) < 0x80;
    const std::size_t length = ascii ? 1 : utf8_sequence_length(text);
    if (length == 0) {
      append_utf8(clean, kReplacement);
      text.remove_prefix(1);
    } else {
      clean.append(text.substr(0, length));
      text.remove_prefix(length);
    }
  }
  return clean;
}

// Unicode 15, table 3-7.
std::size_t utf8_sequence_length(BytesView text) {
  auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    if (i >= text.size()) return false;
    const auto byte = static_cast<unsigned char>(text[i]);
    return byte >= low && byte <= high;
  };
  const unsigned first = static_cast<unsigned char>(text.front());
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : 0xbf;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace rqlite::http
