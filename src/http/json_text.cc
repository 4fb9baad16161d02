#include "http/json_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "http/json_strings.h"

namespace rqlite::http {
namespace {

// Numbers between these are written without an exponent, and the fixed form of all that are not
// whole is their shortest digits. A whole number from 2^53 on has more digits there than it needs.
constexpr double kFixedMin = 1e-6;
constexpr double kFixedMax = 9007199254740992;

constexpr char kHexDigits[] = "0123456789abcdef";

// Bytes that stand for themselves inside a string.
constexpr std::array<bool, 256> make_plain() {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 0x80; c++) {
    plain[static_cast<std::size_t>(c)] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
  }
  return plain;
}
constexpr std::array<bool, 256> kPlain = make_plain();

void append_unicode_escape(Bytes& to, unsigned code) {
  to += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) to += kHexDigits[(code >> shift) & 0xf];
}

void append_escaped(Bytes& to, char c) {
  switch (c) {
    case '"':
    case '\\':
      to += '\\';
      to += c;
      return;
    case '\b':
      to += "\\b";
      return;
    case '\f':
      to += "\\f";
      return;
    case '\n':
      to += "\\n";
      return;
    case '\r':
      to += "\\r";
      return;
    case '\t':
      to += "\\t";
      return;
    default:
      append_unicode_escape(to, static_cast<unsigned char>(c));
  }
}

}  // namespace

void append_json_string(Bytes& to, std::string_view text) {
  to += '"';
  std::size_t start = 0;  // of the bytes that are still to be copied as they are
  std::size_t at = 0;
  auto flush = [&] { to.append(text.substr(start, at - start)); };
  while (at < text.size()) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (kPlain[c] || c == 0x7f) {
      at++;
      continue;
    }
    if (c < 0x80) {
      flush();
      append_escaped(to, text[at]);
      start = ++at;
      continue;
    }
    const std::size_t length = utf8_sequence_length(text.substr(at));
    const std::string_view sequence = text.substr(at, length);
    if (length == 0) {
      flush();
      to += "\\ufffd";
      start = ++at;
    } else if (sequence == "\u2028" || sequence == "\u2029") {
      flush();
      append_unicode_escape(to, sequence == "\u2028" ? 0x2028 : 0x2029);
      start = at += length;
    } else {
      at += length;
    }
  }
  flush();
  to += '"';
}

void append_json_integer(Bytes& to, std::int64_t value) {
  char buffer[24];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  to.append(buffer, end);
}

void append_json_real(Bytes& to, double value) {
  char buffer[40];
  const double magnitude = std::fabs(value);
  if (magnitude == 0 || (magnitude >= kFixedMin && magnitude < kFixedMax)) {
    to.append(buffer,
              std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr);
    return;
  }
  // "d.ddde±xx": the shortest digits and their exponent.
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  if (text.front() == '-') {
    to += '-';
    text.remove_prefix(1);
  }
  const std::size_t e = text.find('e');
  int exponent = 0;
  const char* exponent_start = text.data() + e + 1 + (text[e + 1] == '+' ? 1 : 0);
  std::from_chars(exponent_start, end, exponent);
  std::string digits(1, text.front());
  if (e > 2) digits.append(text.substr(2, e - 2));

  if (magnitude < kFixedMin || magnitude >= 1e21) {
    to += digits[0];
    if (digits.size() > 1) to.append(".").append(digits, 1);
    to += 'e';
    to += exponent < 0 ? '-' : '+';
    to += std::to_string(exponent < 0 ? -exponent : exponent);
    return;
  }
  // All of these numbers are whole.
  to += digits;
  to.append(static_cast<std::size_t>(exponent) + 1 - digits.size(), '0');
}

void JsonIndenter::append(Bytes& to, BytesView compact) {
  auto new_line = [&] {
    to += '\n';
    to.append(4 * level_, ' ');
  };
  for (char c : compact) {
    if (in_string_) {
      to += c;
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
      }
      continue;
    }
    const bool closes = c == '}' || c == ']';
    if (std::exchange(opened_, false)) {
      if (closes) {
        to += c;
        continue;
      }
      level_++;
      new_line();
    } else if (closes) {
      level_--;
      new_line();
    }
    to += c;
    if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      opened_ = true;
    } else if (c == ',') {
      new_line();
    } else if (c == ':') {
      to += ' ';
    }
  }
}

Bytes indent_json(BytesView compact) {
  Bytes text;
  JsonIndenter().append(text, compact);
  return text;
}

}  // namespace rqlite::http
