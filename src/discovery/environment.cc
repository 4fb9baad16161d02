#include "discovery/environment.h"

#include <cstdlib>

namespace rqlite::discovery {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_special(char c) {
  return is_digit(c) || std::string_view("*#$@!?-").find(c) != std::string_view::npos;
}
bool is_part_of_name(char c) {
  return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

// What a `$` before `rest` names, and how much of `rest` that takes. Nothing taken: it names
// nothing and stays. An empty name with something taken: it vanishes.
struct Reference {
  std::string_view name;
  std::size_t taken = 0;
};

Reference braced(std::string_view rest) {
  const std::size_t end = rest.find('}');
  // Without its end, the brace vanishes together with the `$`, as users of Go's os.Expand know it.
  if (end == std::string_view::npos) return {{}, 1};
  const std::string_view name = rest.substr(1, end - 1);
  if (name.size() == 1 && is_special(name.front())) return {name, end + 1};
  for (std::size_t i = 0; i < name.size(); i++) {
    if (!is_part_of_name(name[i])) return {{}, end + 1};
  }
  return {name, end + 1};
}

Reference reference_in(std::string_view rest) {
  if (rest.empty()) return {};
  if (rest.front() == '{') return braced(rest);
  if (is_special(rest.front())) return {rest.substr(0, 1), 1};
  std::size_t size = 0;
  while (size < rest.size() && is_part_of_name(rest[size])) size++;
  return {rest.substr(0, size), size};
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

std::string expand_environment(std::string_view text, const Environment& environment) {
  std::string expanded;
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    expanded += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    const Reference reference = reference_in(text);
    if (reference.taken == 0) expanded += '$';
    if (!reference.name.empty()) {
      expanded += environment(std::string(reference.name)).value_or("");
    }
    text.remove_prefix(reference.taken);
  }
  return expanded;
}

}  // namespace rqlite::discovery
