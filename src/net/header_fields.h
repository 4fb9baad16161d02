#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rqlite::net {

// Names and values of a message's header, in order.
using HeaderFields = std::vector<std::pair<std::string, std::string>>;

// The value of the first field of that name, which is compared without regard to case.
std::optional<std::string_view> find_field(const HeaderFields& fields, std::string_view name);

// Whether the text can stand as a field's name, or be a method: neither empty nor with anything in
// it that ends one.
bool is_token(std::string_view text);
// Whether the text can stand as a field's value without ending its line.
bool is_field_value(std::string_view text);

}  // namespace rqlite::net
