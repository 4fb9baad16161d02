#include "command/rows.h"

#include "base/check.h"

namespace rqlite::command {

using sqlite::ValueType;
using sqlite::ValueView;

void Rows::add(const ValueView& value) {
  values.push_back(static_cast<char>(value.type));
  switch (value.type) {
    case ValueType::kNull:
      break;
    case ValueType::kInteger:
      append_number(values, value.integer);
      break;
    case ValueType::kReal:
      append_number(values, std::bit_cast<std::uint64_t>(value.real));
      break;
    case ValueType::kText:
    case ValueType::kBlob:
      append_number(values, static_cast<std::uint32_t>(value.bytes.size()));
      values.append(value.bytes);
      break;
  }
}

ValueView ValuesReader::next() {
  CHECK(!values_.empty());
  const auto type = static_cast<ValueType>(values_.front());
  values_.remove_prefix(1);
  switch (type) {
    case ValueType::kNull:
      return ValueView::null();
    case ValueType::kInteger: {
      const auto integer = load_number<std::int64_t>(values_.data());
      values_.remove_prefix(8);
      return ValueView::of_integer(integer);
    }
    case ValueType::kReal: {
      const double real = std::bit_cast<double>(load_number<std::uint64_t>(values_.data()));
      values_.remove_prefix(8);
      return ValueView::of_real(real);
    }
    case ValueType::kText:
    case ValueType::kBlob:
      break;
  }
  const auto size = load_number<std::uint32_t>(values_.data());
  const BytesView bytes = values_.substr(4, size);
  values_.remove_prefix(4 + size);
  return type == ValueType::kText ? ValueView::of_text(bytes) : ValueView::of_blob(bytes);
}

}  // namespace rqlite::command
