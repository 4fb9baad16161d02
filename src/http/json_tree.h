#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace rqlite::http {

// A JSON value that is put together piece by piece. Objects keep their keys sorted by bytes;
// records, which are objects too, keep them in the order in which they came.
class JsonTree {
 public:
  JsonTree() = default;  // an empty object
  static JsonTree text(std::string_view value);
  static JsonTree number(std::uint64_t value);
  static JsonTree integer(std::int64_t value);
  static JsonTree real(double value);  // finite
  static JsonTree boolean(bool value);
  static JsonTree null();
  static JsonTree array(std::vector<JsonTree> elements);
  static JsonTree record();

  // The member of this name, made if it is not there. Precondition: an object.
  JsonTree& operator[](std::string_view name);

  // Follows "a.b.c". A missing member is an empty object; what is not an object ends the search.
  [[nodiscard]] const JsonTree& at(std::string_view path) const;

  enum class Records { kInOrder, kSorted };
  [[nodiscard]] Bytes to_json(Records records = Records::kInOrder) const;

 private:
  using Member = std::pair<std::string, JsonTree>;

  void append(Bytes& to, Records records) const;
  void append_members(Bytes& to, Records records) const;
  [[nodiscard]] const JsonTree* find(std::string_view name) const;

  std::string scalar_;  // as JSON; empty: an object, or an array
  bool is_array_ = false;
  std::vector<JsonTree> elements_;
  bool is_record_ = false;
  std::vector<Member> members_;
};

}  // namespace rqlite::http
