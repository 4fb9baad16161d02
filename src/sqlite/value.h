#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace rqlite::sqlite {

enum class ValueType : std::uint8_t { kNull, kInteger, kReal, kText, kBlob };

// One SQL value whose bytes, if it has any, belong to somebody else.
struct ValueView {
  ValueType type = ValueType::kNull;
  std::int64_t integer = 0;
  double real = 0;
  BytesView bytes;  // of kText and kBlob

  static ValueView null() { return {}; }
  static ValueView of_integer(std::int64_t value) { return {ValueType::kInteger, value, 0, {}}; }
  static ValueView of_real(double value) { return {ValueType::kReal, 0, value, {}}; }
  static ValueView of_text(BytesView value) { return {ValueType::kText, 0, 0, value}; }
  static ValueView of_blob(BytesView value) { return {ValueType::kBlob, 0, 0, value}; }
};

}  // namespace rqlite::sqlite
