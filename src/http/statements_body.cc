#include "http/statements_body.h"

#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include "http/json_list.h"
#include "http/json_strings.h"
#include "net/hex.h"
#include "sqlite/sql_text.h"

namespace rqlite::http {

namespace ondemand = simdjson::ondemand;
using ondemand::json_type;

namespace {

constexpr const char* kInvalidJson = "invalid JSON body";
constexpr const char* kInvalidRequest = "invalid request";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// How clients have come to know the types of what cannot be a parameter.
constexpr const char* kTypeNames[] = {
    "[]interface {}", "map[string]interface {}", "number", "string", "bool", "<nil>"};

// A parameter's value that lives on its own.
struct Value {
  sqlite::ValueView view;
  Bytes bytes;

  void set_bytes(sqlite::ValueType type) {
    view = {};
    view.type = type;
  }
  // With the bytes where they are now.
  [[nodiscard]] sqlite::ValueView get() const {
    sqlite::ValueView value = view;
    if (value.type == sqlite::ValueType::kText || value.type == sqlite::ValueType::kBlob) {
      value.bytes = bytes;
    }
    return value;
  }
};

std::string_view trimmed(std::string_view text) {
  constexpr const char* kBlanks = " \t\r\n\v\f";
  const std::size_t start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kBlanks) - start + 1);
}

// The bytes of a string of the form x'hex'; false if it has another form.
bool decode_hex_literal(std::string_view text, Bytes& to) {
  if (text.size() < 3) return false;
  text = trimmed(text);
  if (text.size() < 3 || (text[0] != 'x' && text[0] != 'X') || text[1] != '\'' ||
      text.back() != '\'' || text.size() % 2 != 1) {
    return false;
  }
  const std::string_view digits = text.substr(2, text.size() - 3);
  Bytes bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const int high = net::hex_digit(digits[i]);
    const int low = net::hex_digit(digits[i + 1]);
    if (high < 0 || low < 0) return false;
    bytes += static_cast<char>(high << 4 | low);
  }
  to = std::move(bytes);
  return true;
}

// Whether `text` is a number by JSON's grammar, and whether it has neither fraction nor exponent.
bool is_json_number(std::string_view text, bool& integer) {
  std::size_t at = 0;
  auto digits = [&] {
    const std::size_t start = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') at++;
    return at - start;
  };
  integer = true;
  if (at < text.size() && text[at] == '-') at++;
  const std::size_t first = at;
  const std::size_t whole = digits();
  if (whole == 0 || (whole > 1 && text[first] == '0')) return false;
  if (at < text.size() && text[at] == '.') {
    integer = false;
    at++;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    integer = false;
    at++;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) at++;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

}  // namespace

class StatementsParser::Impl {
 public:
  Result<ParsedStatements> parse(Bytes& body, command::RequestFlags flags, BytesView key);

  // Of the last body: why it is no JSON.
  bool bad_syntax_ = false;
  bool bad_utf8_ = false;  // that at least

 private:
  bool fail(std::string text) {
    error_ = std::move(text);
    return false;
  }
  bool syntax() {
    bad_syntax_ = true;
    return fail(kInvalidJson);
  }

  bool parse_top(ondemand::document& document, command::RequestBuilder& to);
  bool parse_statement(ondemand::value element, command::RequestBuilder& to);
  bool parse_sql(ondemand::value value, command::RequestBuilder& to);
  bool parse_parameter(ondemand::value value, command::RequestBuilder& to);
  bool parse_object(ondemand::object object, command::RequestBuilder& to);
  bool parse_value(ondemand::value value, Value& to);
  bool parse_number(std::string_view token, Value& to);
  bool parse_bytes(ondemand::array array, Value& to);
  bool parse_byte(ondemand::value value, Bytes& to);
  bool parse_string(ondemand::value value, Bytes& to);
  bool is_null(ondemand::value value);
  bool is_scalar(ondemand::value value, json_type type);

  ondemand::parser parser_;
  std::string error_;
  std::string forbidden_;
  Bytes text_;
  Bytes last_sql_;
  Value value_;
};

Result<ParsedStatements> StatementsParser::Impl::parse(Bytes& body, command::RequestFlags flags,
                                                       BytesView key) {
  bad_syntax_ = false;
  forbidden_.clear();
  last_sql_.clear();
  const std::size_t size = body.size();
  body.resize(size + simdjson::SIMDJSON_PADDING, '\0');
  ondemand::document document;
  const simdjson::error_code error = parser_.iterate(body.data(), size, body.size()).get(document);
  bad_utf8_ = error == simdjson::UTF8_ERROR;
  ParsedStatements parsed;
  bool done = false;
  {
    command::RequestBuilder builder(parsed.encoded, flags, key);
    // Newer parsers would skip a byte order mark.
    done = error == simdjson::SUCCESS && !body.starts_with(kByteOrderMark)
               ? parse_top(document, builder)
               : syntax();
    if (!done) builder.abandon();
    parsed.statements = builder.statements();
  }
  body.resize(size);
  if (!done) return Status(Code::kInvalid, error_);
  parsed.forbidden = forbidden_;
  return parsed;
}

bool StatementsParser::Impl::parse_top(ondemand::document& document, command::RequestBuilder& to) {
  json_type type;
  if (document.type().get(type) != simdjson::SUCCESS) return syntax();
  if (type != json_type::array) {
    // A scalar has to be one to its end; what is inside an object does not matter any more.
    std::string_view token;
    bool boolean = false;
    bool integer = false;
    switch (type) {
      case json_type::number:
        if (document.raw_json_token().get(token) != simdjson::SUCCESS) return syntax();
        return fail(is_json_number(trimmed(token), integer) ? kInvalidRequest : kInvalidJson);
      case json_type::boolean:
        return fail(document.get_bool().get(boolean) == simdjson::SUCCESS ? kInvalidRequest
                                                                          : kInvalidJson);
      case json_type::null:
        return fail(document.raw_json_token().get(token) == simdjson::SUCCESS &&
                            trimmed(token) == "null"
                        ? kInvalidRequest
                        : kInvalidJson);
      default:
        return fail(kInvalidRequest);
    }
  }
  ondemand::array list;
  if (document.get_array().get(list) != simdjson::SUCCESS) return syntax();
  for (auto element : list) {
    ondemand::value value;
    if (element.get(value) != simdjson::SUCCESS) return syntax();
    if (!parse_statement(value, to)) return false;
  }
  return true;
}

bool StatementsParser::Impl::parse_statement(ondemand::value element, command::RequestBuilder& to) {
  json_type type;
  if (element.type().get(type) != simdjson::SUCCESS) return syntax();
  if (type == json_type::string) return parse_sql(element, to);
  if (type != json_type::array) {
    return is_scalar(element, type) ? fail(kInvalidRequest) : syntax();
  }
  ondemand::array list;
  if (element.get_array().get(list) != simdjson::SUCCESS) return syntax();
  bool first = true;
  for (auto item : list) {
    ondemand::value value;
    if (item.get(value) != simdjson::SUCCESS) return syntax();
    if (std::exchange(first, false)) {
      if (value.type().get(type) != simdjson::SUCCESS) return syntax();
      if (type != json_type::string) {
        return is_scalar(value, type) ? fail(kInvalidRequest) : syntax();
      }
      if (!parse_sql(value, to)) return false;
    } else if (!parse_parameter(value, to)) {
      return false;
    }
  }
  return first ? fail(kInvalidRequest) : true;
}

bool StatementsParser::Impl::parse_sql(ondemand::value value, command::RequestBuilder& to) {
  if (!parse_string(value, text_)) return false;
  if (text_ != last_sql_) {
    last_sql_ = text_;
    if (forbidden_.empty()) {
      if (const auto why = sqlite::forbidden(text_)) forbidden_ = *why;
    }
  }
  to.begin_statement(text_);
  return true;
}

bool StatementsParser::Impl::parse_parameter(ondemand::value value, command::RequestBuilder& to) {
  json_type type;
  if (value.type().get(type) != simdjson::SUCCESS) return syntax();
  if (type == json_type::object) {
    ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return syntax();
    return parse_object(object, to);
  }
  if (!parse_value(value, value_)) return false;
  to.add_value(value_.get());
  return true;
}

bool StatementsParser::Impl::parse_object(ondemand::object object, command::RequestBuilder& to) {
  // All of it first: a name that comes again replaces the value it had.
  std::map<Bytes, Value> named;
  for (auto member : object) {
    ondemand::field field;
    if (std::move(member).get(field) != simdjson::SUCCESS) return syntax();
    Bytes name;
    if (!decode_json_string(field.key().raw(), name)) return syntax();
    json_type type;
    if (field.value().type().get(type) != simdjson::SUCCESS) return syntax();
    if (type == json_type::object) return fail("unsupported type map[string]interface {}");
    if (!parse_value(field.value(), named[std::move(name)])) return false;
  }
  for (const auto& [name, value] : named) {
    if (!name.empty()) to.add_name(name);
    to.add_value(value.get());
  }
  return true;
}

bool StatementsParser::Impl::parse_value(ondemand::value value, Value& to) {
  json_type type;
  if (value.type().get(type) != simdjson::SUCCESS) return syntax();
  switch (type) {
    case json_type::null:
      if (!is_null(value)) return syntax();
      to.view = sqlite::ValueView::null();
      return true;
    case json_type::boolean: {
      bool boolean = false;
      if (value.get_bool().get(boolean) != simdjson::SUCCESS) return syntax();
      to.view = sqlite::ValueView::of_integer(boolean ? 1 : 0);
      return true;
    }
    case json_type::number: {
      return parse_number(trimmed(value.raw_json_token()), to);
    }
    case json_type::string:
      if (!parse_string(value, to.bytes)) return false;
      to.set_bytes(decode_hex_literal(to.bytes, to.bytes) ? sqlite::ValueType::kBlob
                                                          : sqlite::ValueType::kText);
      return true;
    case json_type::array: {
      ondemand::array array;
      if (value.get_array().get(array) != simdjson::SUCCESS) return syntax();
      return parse_bytes(array, to);
    }
    case json_type::object:
      break;  // its callers took it
  }
  return syntax();
}

bool StatementsParser::Impl::parse_number(std::string_view token, Value& to) {
  bool integer = false;
  if (!is_json_number(token, integer)) return syntax();
  const char* end = token.data() + token.size();
  if (integer) {
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(token.data(), end, number);
    if (error == std::errc()) {
      to.view = sqlite::ValueView::of_integer(number);
      return true;
    }
  }
  double number = 0;
  const auto [stop, error] = std::from_chars(token.data(), end, number);
  if (error == std::errc::result_out_of_range) {
    // Either way out: strtod tells a number too large from one too small to matter.
    number = std::strtod(std::string(token).c_str(), nullptr);
    if (std::isinf(number)) return fail("invalid number " + std::string(token));
  }
  to.view = sqlite::ValueView::of_real(number);
  return true;
}

bool StatementsParser::Impl::parse_bytes(ondemand::array array, Value& to) {
  to.bytes.clear();
  for (auto element : array) {
    ondemand::value value;
    if (element.get(value) != simdjson::SUCCESS) return syntax();
    if (!parse_byte(value, to.bytes)) return false;
  }
  to.set_bytes(sqlite::ValueType::kBlob);
  return true;
}

bool StatementsParser::Impl::parse_byte(ondemand::value value, Bytes& to) {
  json_type type;
  if (value.type().get(type) != simdjson::SUCCESS) return syntax();
  if (type != json_type::number) {
    if (!is_scalar(value, type)) return syntax();
    return fail(std::string("unsupported type ") + kTypeNames[static_cast<int>(type) - 1]);
  }
  const std::string_view token = trimmed(value.raw_json_token());
  bool integer = false;
  if (!is_json_number(token, integer)) return syntax();
  unsigned byte = 256;
  if (integer) std::from_chars(token.data(), token.data() + token.size(), byte);
  if (byte > 255 || token.front() == '-') {
    return fail("unsupported type " + std::string(token));
  }
  to += static_cast<char>(byte);
  return true;
}

bool StatementsParser::Impl::parse_string(ondemand::value value, Bytes& to) {
  ondemand::raw_json_string raw;
  if (value.get_raw_json_string().get(raw) != simdjson::SUCCESS) return syntax();
  return decode_json_string(raw.raw(), to) ? true : syntax();
}

bool StatementsParser::Impl::is_null(ondemand::value value) {
  return trimmed(value.raw_json_token()) == "null";
}

// Whether what begins like a number, a boolean or null is one to its end. Of other types nothing is
// said: what is inside something that cannot be used does not matter any more.
bool StatementsParser::Impl::is_scalar(ondemand::value value, json_type type) {
  bool integer = false;
  switch (type) {
    case json_type::number:
      return is_json_number(trimmed(value.raw_json_token()), integer);
    case json_type::boolean:
      return trimmed(value.raw_json_token()) == "true" ||
             trimmed(value.raw_json_token()) == "false";
    case json_type::null:
      return is_null(value);
    default:
      return true;
  }
}

StatementsParser::StatementsParser() : impl_(std::make_unique<Impl>()) {}
StatementsParser::~StatementsParser() = default;

Result<ParsedStatements> StatementsParser::parse_json(Bytes& body, command::RequestFlags flags,
                                                      BytesView key) {
  Result<ParsedStatements> parsed = impl_->parse(body, flags, key);
  if (impl_->bad_syntax_) {
    // Clients may send something behind the list, which is not even looked at.
    const std::size_t end = end_of_list(body);
    if (end < body.size()) {
      body.resize(end);
      parsed = impl_->parse(body, flags, key);
    }
  }
  if (impl_->bad_utf8_) {
    // JSON text is UTF-8; what is not becomes a replacement character, as clients expect.
    body = replace_invalid_utf8(body);
    parsed = impl_->parse(body, flags, key);
  }
  if (!parsed.ok() && impl_->bad_syntax_) {
    // The parser sees at once that a body was cut short. What is wrong before that is told first,
    // and what is wrong there is that nothing goes on.
    if (const std::string end = missing_end(body, " x "); !end.empty()) {
      body += end;
      parsed = impl_->parse(body, flags, key);
    }
  }
  return parsed;
}

ParsedStatements StatementsParser::of_text(BytesView sql, command::RequestFlags flags,
                                           BytesView key) {
  ParsedStatements parsed;
  {
    command::RequestBuilder builder(parsed.encoded, flags, key);
    builder.begin_statement(sql);
    parsed.statements = 1;
  }
  if (const auto why = sqlite::forbidden(sql)) parsed.forbidden = *why;
  return parsed;
}

}  // namespace rqlite::http
