#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace rqlite::http {

// Where the JSON list that `text` starts with ends, so that what stands behind it can be ignored;
// the end of `text` if it starts with none, or if the list does not end.
std::size_t end_of_list(std::string_view text);

// Where the object ends that `text` begins with; nothing if it does not, or it does not end.
std::optional<std::size_t> end_of_object(std::string_view text);

}  // namespace rqlite::http
