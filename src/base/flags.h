#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace rqlite {

// Command-line flags the way our users' scripts write them: "-name value", "-name=value" or with
// two dashes; booleans only "-name" or "-name=true". Flags end at the first argument that is not
// one, or behind "--"; the last of equal flags counts.
class Flags {
 public:
  using Duration = std::chrono::nanoseconds;

  // Each declares a flag; `to` holds its default until parse(), and its value after.
  void add(std::string name, bool* to, std::string description);
  void add(std::string name, std::int64_t* to, std::string description);
  void add(std::string name, std::uint64_t* to, std::string description);
  void add(std::string name, Duration* to, std::string description);
  void add(std::string name, std::string* to, std::string description);
  // A flag that users know from elsewhere and that does not work here (yet): the error says its
  // name and `why`.
  void refuse(std::string name, std::string why = "is not built yet");

  enum class Outcome { kOk, kHelp, kError, kRefused };
  struct Parsed {
    Outcome outcome = Outcome::kOk;
    std::string error;              // of kError and kRefused: the text to print
    std::vector<std::string> rest;  // what stands behind the flags
  };
  // Of main()'s arguments without the program's name.
  Parsed parse(const std::vector<std::string>& arguments);

  [[nodiscard]] bool was_given(std::string_view name) const;
  // One entry for each flag, in order of name.
  [[nodiscard]] std::string usage() const;

 private:
  using Target =
      std::variant<bool*, std::int64_t*, std::uint64_t*, Duration*, std::string*, std::monostate>;
  struct Flag {
    Target target;
    std::string description;
    std::string default_text;  // empty: the zero value, which usage() does not show
    bool takes_value = true;
    bool given = false;
  };

  void declare(std::string name, Target target, std::string description, std::string default_text);
  static std::string set(const Target& target, const std::string& name, const std::string& value);

  std::map<std::string, Flag, std::less<>> flags_;
};

}  // namespace rqlite
