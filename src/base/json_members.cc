#include "base/json_members.h"

#include <fmt/format.h>

#include <iterator>

namespace rqlite {
namespace {

void append_text(Bytes& to, std::string_view text) {
  to += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      to += '\\';
      to += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(to), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      to += c;
    }
  }
  to += '"';
}

}  // namespace

void JsonMembers::add(std::string_view name, std::string_view text) {
  Bytes json;
  append_text(json, text);
  add_json(name, json);
}

void JsonMembers::add_json(std::string_view name, BytesView json) {
  if (!members_.empty()) members_ += ',';
  append_text(members_, name);
  members_ += ':';
  members_ += json;
}

}  // namespace rqlite
