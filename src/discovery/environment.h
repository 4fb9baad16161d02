#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace rqlite::discovery {

// The value of the environment variable of that name; nothing: it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// This process's. Nobody may change it meanwhile.
Environment process_environment();

// `text` with $NAME and ${NAME} replaced by the variables' values, as they are; those that are not
// set are empty. A name is letters, digits and underscores, or one of `*#$@!?-` or a digit alone. A
// `$` before anything else, or at the end, stays; there is no way to write one before a name.
std::string expand_environment(std::string_view text, const Environment& environment);

}  // namespace rqlite::discovery
