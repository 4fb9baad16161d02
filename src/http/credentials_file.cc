#include "http/credentials_file.h"

#include <simdjson.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "http/bcrypt.h"
#include "http/json_list.h"

namespace rqlite::http {

namespace dom = simdjson::dom;

namespace {

Status invalid(std::string text) { return {Code::kInvalid, std::move(text)}; }

// Whether `key` is `name`, which is in lower case, in any case.
bool same_key(std::string_view key, std::string_view name) {
  return std::equal(key.begin(), key.end(), name.begin(), name.end(), [](char c, char lower) {
    return (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) == lower;
  });
}

// A string, or nothing if `value` is null.
Status read_text(std::string_view key, dom::element value, std::optional<std::string>& to) {
  to.reset();
  if (value.is_null()) return {};
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) {
    return invalid(std::string(key) + " is not a string");
  }
  to = text;
  return {};
}

Status read_permissions(dom::element value, Permissions& to) {
  to = {};
  if (value.is_null()) return {};
  dom::array names;
  if (value.get_array().get(names) != simdjson::SUCCESS) {
    return invalid("perms is not a list");
  }
  for (const dom::element element : names) {
    std::string_view name;
    if (element.get_string().get(name) != simdjson::SUCCESS) {
      return invalid("perms holds what is not a string");
    }
    to |= Permissions::of_name(name);
  }
  return {};
}

Result<UserEntry> read_entry(dom::element element) {
  dom::object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) return invalid("is not an object");
  UserEntry entry;
  std::optional<std::string> user;
  for (const auto& [key, value] : object) {
    if (same_key(key, "username")) RETURN_IF_ERROR(read_text("username", value, user));
    if (same_key(key, "password")) RETURN_IF_ERROR(read_text("password", value, entry.password));
    if (same_key(key, "perms")) RETURN_IF_ERROR(read_permissions(value, entry.permissions));
  }
  // It could give rights to nobody, so it is a mistake, and to ignore it would hide that.
  if (!user || user->empty()) return invalid("has no username");
  // Taken for a password in clear, it would shut its user out, and let in whoever saw the file.
  if (entry.password && begins_like_bcrypt(*entry.password) && bcrypt_cost(*entry.password) == 0) {
    return invalid("password begins like a bcrypt hash, and is none of a cost from " +
                   std::to_string(kBcryptCostMin) + " to " + std::to_string(kBcryptCostMax));
  }
  entry.user = *std::move(user);
  return entry;
}

}  // namespace

Result<std::vector<UserEntry>> parse_credentials_file(std::string_view text) {
  // What operators know: the file ends before a list begins.
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return invalid("EOF");

  const std::string list(text.substr(0, end_of_list(text)));
  dom::parser parser;
  dom::element root;
  if (const simdjson::error_code error = parser.parse(list).get(root)) {
    return invalid(std::string("invalid JSON: ") + simdjson::error_message(error));
  }
  dom::array elements;
  if (root.get_array().get(elements) != simdjson::SUCCESS) {
    dom::object object;
    if (root.get_object().get(object) != simdjson::SUCCESS) return invalid("EOF");
    if (object.size() != 0) return invalid("not a list of users");
    return std::vector<UserEntry>();
  }

  std::vector<UserEntry> entries;
  for (const dom::element element : elements) {
    Result<UserEntry> entry = read_entry(element);
    if (!entry.ok()) {
      return entry.error().with_context("entry " + std::to_string(entries.size() + 1));
    }
    entries.push_back(*std::move(entry));
  }
  return entries;
}

}  // namespace rqlite::http
