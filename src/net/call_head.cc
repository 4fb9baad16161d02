#include "net/call_head.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "net/header_fields.h"

namespace rqlite::net {
namespace {

// Those that are understood to have a body, so that an empty one is to be said.
bool has_body_by_nature(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

Status check(const Call& call) {
  auto invalid = [](std::string why) { return Status(Code::kInvalid, std::move(why)); };
  if (!is_token(call.method)) return invalid("invalid method \"" + call.method + "\"");
  if (call.target.empty() ||
      std::ranges::any_of(call.target, [](char c) { return c == 0x7f || (c >= 0 && c <= ' '); })) {
    return invalid("invalid request target");
  }
  if (!is_field_value(call.address)) return invalid("invalid address");
  for (const auto& [name, value] : call.headers) {
    if (!is_token(name)) return invalid("invalid header field name");
    if (!is_field_value(value)) return invalid("invalid value of the header field " + name);
  }
  if (call.source && !call.body.empty()) return invalid("a request has one body");
  return {};
}

}  // namespace

Result<Bytes> head_of(const Call& call) {
  RETURN_IF_ERROR(check(call));
  Bytes text = call.method + " " + call.target + " HTTP/1.1\r\nHost: " + call.address + "\r\n";
  for (const auto& [name, value] : call.headers) {
    text.append(name).append(": ").append(value).append("\r\n");
  }
  if (call.source) {
    text += "Transfer-Encoding: chunked\r\n";
  } else if (!call.body.empty() || has_body_by_nature(call.method)) {
    text += "Content-Length: " + std::to_string(call.body.size()) + "\r\n";
  }
  return text + "\r\n";
}

}  // namespace rqlite::net
