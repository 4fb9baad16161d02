#pragma once

#include <simdjson.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace rqlite::discovery {

// A JSON object that holds settings. Names are matched in any case, of equal ones the last counts,
// null is as good as absent, and what nobody asks for is ignored.
class ConfigObject {
 public:
  // An empty text, or null, is an object without members.
  static Result<ConfigObject> parse(BytesView json);

  // Each sets `to` if there is such a member, and fails if it is of another type.
  Status read(std::string_view name, std::string& to) const;
  Status read(std::string_view name, bool& to) const;
  Status read(std::string_view name, std::int64_t& to) const;
  Status read(std::string_view name, double& to) const;
  Status read(std::string_view name, std::vector<std::string>& to) const;

  // An object within; one without members if it is not there.
  [[nodiscard]] Result<ConfigObject> object(std::string_view name) const;

 private:
  ConfigObject() = default;
  ConfigObject(std::shared_ptr<simdjson::dom::parser> parser, simdjson::dom::object object)
      : parser_(std::move(parser)), object_(object) {}
  [[nodiscard]] std::optional<simdjson::dom::element> find(std::string_view name) const;

  std::shared_ptr<simdjson::dom::parser> parser_;  // owns what the object refers to
  std::optional<simdjson::dom::object> object_;
};

}  // namespace rqlite::discovery
