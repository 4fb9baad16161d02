#pragma once

#include <string>

#include "sqlite/value.h"

namespace rqlite::store {

// A value as text, for comparisons.
inline std::string text_of_value(const sqlite::ValueView& value) {
  switch (value.type) {
    case sqlite::ValueType::kNull:
      return "NULL";
    case sqlite::ValueType::kInteger:
      return std::to_string(value.integer);
    case sqlite::ValueType::kReal:
      return std::to_string(value.real);
    case sqlite::ValueType::kText:
    case sqlite::ValueType::kBlob:
      return std::string(value.bytes);
  }
  return "?";
}

}  // namespace rqlite::store
