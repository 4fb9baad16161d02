#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace rqlite::http {

// A JSON value that is put together piece by piece; objects keep their keys sorted.
class JsonTree {
 public:
  JsonTree() = default;  // an empty object
  static JsonTree text(std::string_view value);
  static JsonTree number(std::uint64_t value);
  static JsonTree integer(std::int64_t value);
  static JsonTree boolean(bool value);
  static JsonTree null();
  static JsonTree array(std::vector<JsonTree> elements);

  // The member of this name, made if it is not there. Precondition: an object.
  JsonTree& operator[](std::string_view name);

  // Follows "a.b.c". A missing member is an empty object; what is not an object ends the search.
  [[nodiscard]] const JsonTree& at(std::string_view path) const;

  [[nodiscard]] Bytes to_json() const;

 private:
  void append(Bytes& to) const;

  std::string scalar_;  // as JSON; empty: an object, or an array
  bool is_array_ = false;
  std::vector<JsonTree> elements_;
  std::map<std::string, JsonTree, std::less<>> members_;
};

}  // namespace rqlite::http
