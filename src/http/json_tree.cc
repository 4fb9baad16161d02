#include "http/json_tree.h"

#include <utility>

#include "http/json_text.h"

namespace rqlite::http {

JsonTree JsonTree::text(std::string_view value) {
  JsonTree tree;
  append_json_string(tree.scalar_, value);
  return tree;
}

JsonTree JsonTree::number(std::uint64_t value) {
  JsonTree tree;
  tree.scalar_ = std::to_string(value);
  return tree;
}

JsonTree JsonTree::integer(std::int64_t value) {
  JsonTree tree;
  tree.scalar_ = std::to_string(value);
  return tree;
}

JsonTree JsonTree::boolean(bool value) {
  JsonTree tree;
  tree.scalar_ = value ? "true" : "false";
  return tree;
}

JsonTree JsonTree::null() {
  JsonTree tree;
  tree.scalar_ = "null";
  return tree;
}

JsonTree JsonTree::array(std::vector<JsonTree> elements) {
  JsonTree tree;
  tree.is_array_ = true;
  tree.elements_ = std::move(elements);
  return tree;
}

JsonTree& JsonTree::operator[](std::string_view name) {
  return members_.try_emplace(std::string(name)).first->second;
}

const JsonTree& JsonTree::at(std::string_view path) const {
  static const JsonTree kNothing;
  if (path.empty() || !scalar_.empty() || is_array_) return *this;
  const std::size_t dot = path.find('.');
  const auto found = members_.find(path.substr(0, dot));
  if (found == members_.end()) return kNothing;
  return found->second.at(dot == std::string_view::npos ? "" : path.substr(dot + 1));
}

Bytes JsonTree::to_json() const {
  Bytes json;
  append(json);
  return json;
}

void JsonTree::append(Bytes& to) const {
  if (!scalar_.empty()) {
    to += scalar_;
    return;
  }
  bool first = true;
  if (is_array_) {
    to += '[';
    for (const JsonTree& element : elements_) {
      if (!std::exchange(first, false)) to += ',';
      element.append(to);
    }
    to += ']';
    return;
  }
  to += '{';
  for (const auto& [name, member] : members_) {
    if (!std::exchange(first, false)) to += ',';
    append_json_string(to, name);
    to += ':';
    member.append(to);
  }
  to += '}';
}

}  // namespace rqlite::http
