#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace rqlite::http {

// Where the JSON list that `text` starts with ends, so that what stands behind it can be ignored;
// the end of `text` if it starts with none, or if the list does not end.
std::size_t end_of_list(std::string_view text);

// Where the object ends that `text` begins with; nothing if it does not, or it does not end.
std::optional<std::size_t> end_of_object(std::string_view text);

// What is missing behind `text` to close the string, the lists and the objects that are open there;
// "" if none are. `last` becomes the last of what is in the innermost list or object.
std::string missing_end(std::string_view text, std::string_view last);

}  // namespace rqlite::http
