#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace rqlite::net {

// Percent-decodes `text`; `+` becomes a blank if `plus_is_blank`. The error names the first bad
// escape.
Result<std::string> percent_decode(std::string_view text, bool plus_is_blank);

// The parameters of a request's URL. Names are case-sensitive; of a name that comes twice the
// first counts; a flag is on when its name is there, whatever its value; unknown names are
// ignored.
class Parameters {
 public:
  // Reads what stands behind the `?`, and checks the form of every known value. The error is the
  // text for the client.
  static Result<Parameters> parse(std::string_view query);

  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  // The value of `name`, or `fallback` if it is not there.
  [[nodiscard]] std::string_view text(std::string_view name, std::string_view fallback) const;
  // Precondition: a name whose form parse() checks as a duration.
  [[nodiscard]] std::chrono::nanoseconds duration(std::string_view name,
                                                  std::chrono::nanoseconds fallback) const;
  // Precondition: a name whose form parse() checks as a number.
  [[nodiscard]] std::int64_t number(std::string_view name, std::int64_t fallback) const;

 private:
  [[nodiscard]] const std::string* find(std::string_view name) const;
  [[nodiscard]] std::optional<std::string> check() const;

  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace rqlite::net
