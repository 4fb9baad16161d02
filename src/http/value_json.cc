#include "http/value_json.h"

#include <cmath>

#include "base/base64.h"
#include "http/dates.h"
#include "http/json_text.h"

namespace rqlite::http {
namespace {

bool is_text_like(std::string_view type) {
  if (type == "text" || type == "json" || type.empty()) return true;
  for (std::string_view prefix :
       {"varchar", "varying character", "nchar", "native character", "nvarchar", "clob"}) {
    if (type.starts_with(prefix)) return true;
  }
  return false;
}

Status append_date(Bytes& to, const Result<std::string>& date) {
  if (!date.ok()) return date.error();
  to += '"';
  to += *date;
  to += '"';
  return {};
}

void append_byte_array(Bytes& to, BytesView bytes) {
  to += '[';
  for (std::size_t i = 0; i < bytes.size(); i++) {
    if (i > 0) to += ',';
    append_json_integer(to, static_cast<unsigned char>(bytes[i]));
  }
  to += ']';
}

}  // namespace

ColumnFormat::ColumnFormat(std::string_view type)
    : is_boolean_(type == "boolean"),
      is_date_(type == "date" || type == "datetime" || type == "timestamp"),
      shows_blobs_as_text_(is_text_like(type)) {}

Status ColumnFormat::append(Bytes& to, const sqlite::ValueView& value, bool blob_array) const {
  switch (value.type) {
    case sqlite::ValueType::kNull:
      to += "null";
      return {};
    case sqlite::ValueType::kInteger:
      if (is_date_) return append_date(to, date_of_integer(value.integer));
      if (is_boolean_) {
        to += value.integer > 0 ? "true" : "false";
      } else {
        append_json_integer(to, value.integer);
      }
      return {};
    case sqlite::ValueType::kReal:
      if (std::isinf(value.real)) {
        return {Code::kUnavailable,
                std::string("json: error calling MarshalJSON for type *http.DBResults: json: "
                            "unsupported value: ") +
                    (value.real > 0 ? "+Inf" : "-Inf")};
      }
      append_json_real(to, value.real);
      return {};
    case sqlite::ValueType::kText:
      if (is_date_) return append_date(to, date_of_text(value.bytes));
      append_json_string(to, value.bytes);
      return {};
    case sqlite::ValueType::kBlob:
      if (shows_blobs_as_text_) {
        append_json_string(to, value.bytes);
      } else if (blob_array) {
        append_byte_array(to, value.bytes);
      } else {
        to += '"';
        append_base64(to, value.bytes);
        to += '"';
      }
      return {};
  }
  return {};
}

}  // namespace rqlite::http
