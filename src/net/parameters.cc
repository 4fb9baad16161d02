#include "net/parameters.h"

#include <charconv>

#include "base/duration.h"
#include "net/hex.h"

namespace rqlite::net {
namespace {

bool is_integer(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return false;
  }
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return !text.empty() && error == std::errc() && stop == end;
}

}  // namespace

Result<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); i++) {
    if (text[i] == '+' && plus_is_blank) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      const int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return Status(Code::kInvalid,
                      "invalid URL escape \"" + std::string(text.substr(i, 3)) + "\"");
      }
      decoded += static_cast<char>(high << 4 | low);
      i += 2;
    }
  }
  return decoded;
}

Result<Parameters> Parameters::parse(std::string_view query) {
  Parameters parameters;
  if (query.find(';') != std::string_view::npos) {
    return Status(Code::kInvalid, "invalid semicolon separator in query");
  }
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    Result<std::string> name = percent_decode(pair.substr(0, equals), true);
    if (!name.ok()) return name.error();
    const std::string_view raw =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    Result<std::string> value = percent_decode(raw, true);
    if (!value.ok()) return value.error();
    parameters.values_.emplace_back(std::move(*name), std::move(*value));
  }
  if (const std::optional<std::string> wrong = parameters.check()) {
    return Status(Code::kInvalid, *wrong);
  }
  return parameters;
}

std::optional<std::string> Parameters::check() const {
  if (values_.empty()) return std::nullopt;
  if (has("freshness_strict") && !has("freshness")) return "freshness_strict requires freshness";
  for (const char* name : {"timeout", "freshness", "db_timeout", "linearizable_timeout"}) {
    const std::string* value = find(name);
    if (value != nullptr && !parse_duration(*value)) {
      return std::string(name) + " is not a valid duration";
    }
  }
  for (const char* name : {"retries", "trailing_logs"}) {
    const std::string* value = find(name);
    if (value != nullptr && !is_integer(*value)) {
      return std::string(name) + " is not a valid integer";
    }
  }
  const std::string* q = find("q");
  if (q != nullptr && q->empty()) return "query parameter not set";
  return std::nullopt;
}

std::int64_t Parameters::number(std::string_view name, std::int64_t fallback) const {
  const std::string* value = find(name);
  if (value == nullptr) return fallback;
  // As is_integer() has it: a sign may stand in front.
  const char* from = value->data() + (value->starts_with('+') ? 1 : 0);
  std::int64_t number = fallback;
  std::from_chars(from, value->data() + value->size(), number);
  return number;
}

const std::string* Parameters::find(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string_view Parameters::text(std::string_view name, std::string_view fallback) const {
  const std::string* value = find(name);
  return value == nullptr ? fallback : *value;
}

std::chrono::nanoseconds Parameters::duration(std::string_view name,
                                              std::chrono::nanoseconds fallback) const {
  const std::string* value = find(name);
  return value == nullptr ? fallback : parse_duration(*value).value_or(fallback);
}

}  // namespace rqlite::net
