#include "http/json_tree.h"

#include <algorithm>
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

JsonTree JsonTree::real(double value) {
  JsonTree tree;
  append_json_real(tree.scalar_, value);
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

JsonTree JsonTree::record() {
  JsonTree tree;
  tree.is_record_ = true;
  return tree;
}

JsonTree& JsonTree::operator[](std::string_view name) {
  auto place = is_record_ ? std::find_if(members_.begin(), members_.end(),
                                         [&](const Member& each) { return each.first == name; })
                          : std::lower_bound(members_.begin(), members_.end(), name,
                                             [](const Member& each, std::string_view wanted) {
                                               return each.first < wanted;
                                             });
  if (place == members_.end() || place->first != name) {
    place = members_.emplace(place, std::string(name), JsonTree());
  }
  return place->second;
}

const JsonTree* JsonTree::find(std::string_view name) const {
  for (const auto& [key, member] : members_) {
    if (key == name) return &member;
  }
  return nullptr;
}

const JsonTree& JsonTree::at(std::string_view path) const {
  static const JsonTree kNothing;
  const JsonTree* tree = this;
  if (path.empty()) return *tree;
  while (tree->scalar_.empty() && !tree->is_array_) {
    const std::size_t dot = path.find('.');
    tree = tree->find(path.substr(0, dot));
    if (tree == nullptr) return kNothing;
    if (dot == std::string_view::npos) break;
    path.remove_prefix(dot + 1);
  }
  return *tree;
}

Bytes JsonTree::to_json(Records records) const {
  Bytes json;
  append(json, records);
  return json;
}

void JsonTree::append(Bytes& to, Records records) const {
  if (!scalar_.empty()) {
    to += scalar_;
    return;
  }
  if (!is_array_) return append_members(to, records);
  bool first = true;
  to += '[';
  for (const JsonTree& element : elements_) {
    if (!std::exchange(first, false)) to += ',';
    element.append(to, records);
  }
  to += ']';
}

void JsonTree::append_members(Bytes& to, Records records) const {
  std::vector<const Member*> members;
  for (const Member& each : members_) members.push_back(&each);
  if (is_record_ && records == Records::kSorted) {
    std::sort(members.begin(), members.end(),
              [](const Member* one, const Member* other) { return one->first < other->first; });
  }
  bool first = true;
  to += '{';
  for (const Member* each : members) {
    if (!std::exchange(first, false)) to += ',';
    append_json_string(to, each->first);
    to += ':';
    each->second.append(to, records);
  }
  to += '}';
}

}  // namespace rqlite::http
