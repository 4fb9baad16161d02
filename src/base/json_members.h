#pragma once

#include <string_view>

#include "base/bytes.h"

namespace rqlite {

// A JSON object that is written member by member.
class JsonMembers {
 public:
  void add(std::string_view name, std::string_view text);
  void add_unless_empty(std::string_view name, std::string_view text) {
    if (!text.empty()) add(name, text);
  }
  // `json` goes in as it is.
  void add_json(std::string_view name, BytesView json);

  [[nodiscard]] Bytes to_json() const { return "{" + members_ + "}"; }

 private:
  Bytes members_;
};

}  // namespace rqlite
