#include "http/node_id_body.h"

#include <simdjson.h>

#include <optional>
#include <string_view>

#include "http/json_list.h"

namespace rqlite::http {

namespace dom = simdjson::dom;

namespace {

constexpr const char* kBlanks = " \t\r\n";

Status invalid(std::string text) { return {Code::kInvalid, std::move(text)}; }

// A string, or the empty one if `value` is null.
bool read_id(dom::element value, std::string& to) {
  to.clear();
  if (value.is_null()) return true;
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) return false;
  to = text;
  return true;
}

bool is_id_in_any_case(std::string_view key) {
  return key.size() == 2 && (key[0] | 0x20) == 'i' && (key[1] | 0x20) == 'd';
}

std::string_view trimmed(BytesView text) {
  const std::size_t start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kBlanks) - start + 1);
}

}  // namespace

Result<std::string> read_node_to_remove(BytesView body) {
  dom::parser parser;
  dom::object object;
  if (parser.parse(body.data(), body.size()).get_object().get(object) != simdjson::SUCCESS) {
    return invalid("not a JSON object");
  }
  std::optional<std::string> id;
  for (const auto& [key, value] : object) {
    if (key != "id" || !read_id(value, id.emplace())) return invalid("not an id alone");
  }
  return id ? Result<std::string>(*id) : invalid("no id");
}

Result<std::string> read_successor(BytesView body) {
  const std::string_view text = trimmed(body);
  if (text.empty()) return invalid("invalid JSON: EOF");
  if (text == "null") return std::string();
  const std::optional<std::size_t> end = end_of_object(text);
  if (text.front() == '{' && !end) return invalid("invalid JSON: unexpected EOF");
  dom::parser parser;
  dom::element root;
  const std::string_view first = text.substr(0, end.value_or(text.size()));
  if (const auto error = parser.parse(first.data(), first.size()).get(root)) {
    return invalid(std::string("invalid JSON: ") + simdjson::error_message(error));
  }
  dom::object object;
  if (root.get_object().get(object) != simdjson::SUCCESS) {
    return invalid("invalid JSON: not an object");
  }
  std::string id;
  for (const auto& [key, value] : object) {
    if (is_id_in_any_case(key) && !read_id(value, id)) {
      return invalid("invalid JSON: id is not a string");
    }
  }
  return id;
}

}  // namespace rqlite::http
