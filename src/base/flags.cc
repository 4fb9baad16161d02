#include "base/flags.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/duration.h"

namespace rqlite {
namespace {

std::optional<bool> parse_bool(std::string_view text) {
  for (std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

// Takes the prefix that names a base off `text`. A leading 0 alone means octal.
int take_base(std::string_view& text) {
  if (text.size() < 2 || text[0] != '0') return 10;
  const char letter = static_cast<char>(text[1] | 0x20);
  const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
  text.remove_prefix(base == 0 ? 1 : 2);
  return base == 0 ? 8 : base;
}

// Drops the `_` that separate digits. False if one stands elsewhere; behind a base's prefix it
// may come first.
bool drop_separators(std::string_view text, bool may_come_first, std::string& digits) {
  bool may_come = may_come_first;
  for (char c : text) {
    if (c != '_') {
      digits += c;
    } else if (!may_come) {
      return false;
    }
    may_come = c != '_';
  }
  return !text.ends_with('_');
}

// Decimal, or hexadecimal, octal and binary by prefix; `_` may separate digits. The error text is
// empty if `to` was set.
template <typename Number>
std::string parse_number(std::string_view text, Number* to) {
  bool negative = false;
  if (std::is_signed_v<Number> && (text.starts_with('-') || text.starts_with('+'))) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const int base = take_base(text);
  std::string digits;
  if (!drop_separators(text, base != 10, digits)) return "parse error";
  std::uint64_t magnitude = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, magnitude, base);
  if (stop != end || error == std::errc::invalid_argument) return "parse error";
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<Number>::max());
  if (error == std::errc::result_out_of_range || magnitude > kMax + (negative ? 1 : 0)) {
    return "value out of range";
  }
  *to = static_cast<Number>(negative ? 0 - magnitude : magnitude);
  return {};
}

struct TypeWord {
  std::string_view operator()(bool*) const { return ""; }
  std::string_view operator()(std::int64_t*) const { return " int"; }
  std::string_view operator()(std::uint64_t*) const { return " uint"; }
  std::string_view operator()(Flags::Duration*) const { return " duration"; }
  std::string_view operator()(std::string*) const { return " string"; }
  std::string_view operator()(std::monostate) const { return ""; }
};

}  // namespace

void Flags::declare(std::string name, Target target, std::string description,
                    std::string default_text) {
  const bool is_bool = std::holds_alternative<bool*>(target);
  const bool added = flags_
                         .emplace(std::move(name), Flag{target, std::move(description),
                                                        std::move(default_text), !is_bool, false})
                         .second;
  CHECK(added);
}

void Flags::add(std::string name, bool* to, std::string description) {
  declare(std::move(name), to, std::move(description), *to ? "true" : "");
}

void Flags::add(std::string name, std::int64_t* to, std::string description) {
  declare(std::move(name), to, std::move(description), *to == 0 ? "" : std::to_string(*to));
}

void Flags::add(std::string name, std::uint64_t* to, std::string description) {
  declare(std::move(name), to, std::move(description), *to == 0 ? "" : std::to_string(*to));
}

void Flags::add(std::string name, Duration* to, std::string description) {
  declare(std::move(name), to, std::move(description),
          *to == Duration::zero() ? "" : format_duration(*to));
}

void Flags::add(std::string name, std::string* to, std::string description) {
  declare(std::move(name), to, std::move(description), to->empty() ? "" : '"' + *to + '"');
}

void Flags::refuse(std::string name, std::string why) {
  Flag flag;
  flag.target = std::monostate();
  flag.description = std::move(why);
  CHECK(flags_.emplace(std::move(name), std::move(flag)).second);
}

Flags::Parsed Flags::parse(const std::vector<std::string>& arguments) {
  auto error = [](std::string text) { return Parsed{Outcome::kError, std::move(text), {}}; };
  std::size_t at = 0;
  for (; at < arguments.size(); at++) {
    const std::string& argument = arguments[at];
    if (argument.size() < 2 || argument[0] != '-') break;
    if (argument == "--") {
      at++;
      break;
    }
    std::string name = argument.substr(argument[1] == '-' ? 2 : 1);
    if (name.empty() || name[0] == '-' || name[0] == '=') {
      return error("bad flag syntax: " + argument);
    }
    std::optional<std::string> value;
    if (const std::size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const auto found = flags_.find(name);
    if (found == flags_.end()) {
      if (name == "h" || name == "help") return {Outcome::kHelp, {}, {}};
      return error("flag provided but not defined: -" + name);
    }
    Flag& flag = found->second;
    if (std::holds_alternative<std::monostate>(flag.target)) {
      return {Outcome::kRefused, "-" + name + " " + flag.description, {}};
    }
    if (!flag.takes_value) {
      if (!value) value = "true";
    } else if (!value) {
      if (at + 1 == arguments.size()) return error("flag needs an argument: -" + name);
      value = arguments[++at];
    }
    flag.given = true;
    if (std::string wrong = set(flag.target, name, *value); !wrong.empty()) return error(wrong);
  }
  return {Outcome::kOk, {}, {arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end()}};
}

std::string Flags::set(const Target& target, const std::string& name, const std::string& value) {
  std::string why;
  if (bool* const* to = std::get_if<bool*>(&target)) {
    const std::optional<bool> parsed = parse_bool(value);
    if (!parsed) return "invalid boolean value \"" + value + "\" for -" + name + ": parse error";
    **to = *parsed;
  } else if (std::int64_t* const* integer = std::get_if<std::int64_t*>(&target)) {
    why = parse_number(value, *integer);
  } else if (std::uint64_t* const* natural = std::get_if<std::uint64_t*>(&target)) {
    why = parse_number(value, *natural);
  } else if (Duration* const* duration = std::get_if<Duration*>(&target)) {
    const std::optional<Duration> parsed = parse_duration(value);
    if (parsed) {
      **duration = *parsed;
    } else {
      why = "parse error";
    }
  } else {
    *std::get<std::string*>(target) = value;
  }
  if (why.empty()) return {};
  return "invalid value \"" + value + "\" for flag -" + name + ": " + why;
}

bool Flags::was_given(std::string_view name) const {
  const auto found = flags_.find(name);
  return found != flags_.end() && found->second.given;
}

std::string Flags::usage() const {
  std::string text;
  for (const auto& [name, flag] : flags_) {
    if (std::holds_alternative<std::monostate>(flag.target)) continue;
    text.append("  -").append(name).append(std::visit(TypeWord(), flag.target)).append("\n    \t");
    text += flag.description;
    if (!flag.default_text.empty()) text += " (default " + flag.default_text + ")";
    text += '\n';
  }
  return text;
}

}  // namespace rqlite
