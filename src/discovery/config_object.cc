#include "discovery/config_object.h"

#include <algorithm>
#include <utility>

namespace rqlite::discovery {

namespace dom = simdjson::dom;

namespace {

Status invalid(std::string text) { return {Code::kInvalid, std::move(text)}; }

Status wrong_type(std::string_view name, const char* wanted) {
  return invalid(std::string(name) + " is not " + wanted);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view one, std::string_view other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace

Result<ConfigObject> ConfigObject::parse(BytesView json) {
  if (json.find_first_not_of(" \t\r\n") == BytesView::npos) return ConfigObject();
  auto parser = std::make_shared<dom::parser>();
  dom::element root;
  if (const auto error = parser->parse(json.data(), json.size()).get(root)) {
    return invalid(std::string("invalid JSON: ") + simdjson::error_message(error));
  }
  if (root.is_null()) return ConfigObject();
  dom::object object;
  if (root.get_object().get(object) != simdjson::SUCCESS) {
    return invalid("invalid JSON: not an object");
  }
  return ConfigObject(std::move(parser), object);
}

std::optional<dom::element> ConfigObject::find(std::string_view name) const {
  std::optional<dom::element> found;
  if (!object_) return found;
  for (const auto& [key, value] : *object_) {
    if (same_name(key, name)) found = value;
  }
  if (found && found->is_null()) found.reset();
  return found;
}

Status ConfigObject::read(std::string_view name, std::string& to) const {
  const std::optional<dom::element> member = find(name);
  if (!member) return {};
  std::string_view text;
  if (member->get_string().get(text) != simdjson::SUCCESS) return wrong_type(name, "a string");
  to = text;
  return {};
}

Status ConfigObject::read(std::string_view name, bool& to) const {
  const std::optional<dom::element> member = find(name);
  if (!member) return {};
  if (member->get_bool().get(to) != simdjson::SUCCESS) return wrong_type(name, "true or false");
  return {};
}

Status ConfigObject::read(std::string_view name, std::int64_t& to) const {
  const std::optional<dom::element> member = find(name);
  if (!member) return {};
  if (!member->is_int64() || member->get_int64().get(to) != simdjson::SUCCESS) {
    return wrong_type(name, "a whole number");
  }
  return {};
}

Status ConfigObject::read(std::string_view name, double& to) const {
  const std::optional<dom::element> member = find(name);
  if (!member) return {};
  if (member->get_double().get(to) != simdjson::SUCCESS) return wrong_type(name, "a number");
  return {};
}

Status ConfigObject::read(std::string_view name, std::vector<std::string>& to) const {
  const std::optional<dom::element> member = find(name);
  if (!member) return {};
  dom::array elements;
  if (member->get_array().get(elements) != simdjson::SUCCESS) return wrong_type(name, "a list");
  std::vector<std::string> texts;
  for (const dom::element element : elements) {
    std::string_view text;
    if (element.get_string().get(text) != simdjson::SUCCESS) {
      return wrong_type(name, "a list of strings");
    }
    texts.emplace_back(text);
  }
  to = std::move(texts);
  return {};
}

Result<ConfigObject> ConfigObject::object(std::string_view name) const {
  const std::optional<dom::element> member = find(name);
  if (!member) return ConfigObject();
  dom::object object;
  if (member->get_object().get(object) != simdjson::SUCCESS) return wrong_type(name, "an object");
  return ConfigObject(parser_, object);
}

}  // namespace rqlite::discovery
