#include "sqlite/sql_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace rqlite::sqlite {
namespace {

// A text that does not occur in `text`: a backslash and a number.
std::string absent_from(std::string_view text) {
  for (std::uint64_t number = 0;; number++) {
    std::string candidate = fmt::format("\\{}", number);
    if (text.find(candidate) == std::string_view::npos) return candidate;
  }
}

// `value`, which is finite, as a product or quotient of numbers that every version of SQLite reads
// as they are: a whole one below 2^53, and powers of 2.
std::string exact_real(double value) {
  constexpr int kStep = 50;
  int exponent = 0;
  const double mantissa = std::frexp(value, &exponent);
  std::string text = fmt::format("({:.1f}", std::ldexp(mantissa, 53));
  exponent -= 53;
  const char* sign = exponent < 0 ? "/" : "*";
  for (int left = std::abs(exponent); left > 0; left -= kStep) {
    text += fmt::format("{}{:.1f}", sign, std::ldexp(1.0, std::min(left, kStep)));
  }
  return text + ")";
}

}  // namespace

SqlWriter::SqlWriter(Connection& connection, const TextSink& sink)
    : connection_(connection), sink_(sink) {
  piece_.reserve(kPieceBytes);
}

void SqlWriter::text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = std::min(text.size(), kPieceBytes - piece_.size());
    piece_.append(text.substr(0, size));
    text.remove_prefix(size);
    if (piece_.size() == kPieceBytes) flush();
  }
}

void SqlWriter::value(const ValueView& value) {
  switch (value.type) {
    case ValueType::kNull:
      return text("NULL");
    case ValueType::kInteger: {
      const fmt::format_int digits(value.integer);
      return text({digits.data(), digits.size()});
    }
    case ValueType::kReal:
      return real(value.real);
    case ValueType::kText:
      return text_literal(value.bytes);
    case ValueType::kBlob:
      return blob_literal(value.bytes);
  }
}

Status SqlWriter::finish() {
  if (!piece_.empty()) flush();
  return status_;
}

void SqlWriter::real(double value) {
  if (std::isinf(value)) return text(value > 0 ? "9.0e+999" : "-9.0e+999");
  // How many digits it takes depends on how this SQLite reads numbers, so it has to say.
  Error error;
  if (!quote_.has_value()) {
    std::string_view sql = "SELECT q, CAST(q AS REAL) = ?1 FROM (SELECT quote(?1) AS q)";
    quote_ = connection_.prepare(sql, true, error);
  }
  if (error.ok()) error = quote_.bind(1, ValueView::of_real(value));
  if (error.ok() && quote_.step(error) == Statement::Step::kRow) {
    if (quote_.column(1).integer != 0) {
      text(quote_.column(0).bytes);
    } else {
      text(exact_real(value));
    }
  }
  if (quote_.has_value()) quote_.reset();
  if (!error.ok() && status_.ok()) status_ = status_of(error, "write a number");
}

void SqlWriter::text_literal(std::string_view value) {
  if (value.find('\0') == std::string_view::npos) return quoted(value, {});
  // No literal can hold a NUL, and CAST(X'..' AS TEXT) means something else in a database whose
  // encoding is UTF-16. The stand-in cannot be found in a wrong place when it is replaced: what is
  // around it does not hold it, and it has its first character nowhere else.
  const std::string stand_in = absent_from(value);
  text("replace(");
  quoted(value, stand_in);
  text(",'");
  text(stand_in);
  text("',char(0))");
}

void SqlWriter::quoted(std::string_view value, std::string_view nul) {
  constexpr std::string_view kSpecial("'\0", 2);
  text("'");
  while (true) {
    const std::size_t at = nul.empty() ? value.find('\'') : value.find_first_of(kSpecial);
    text(value.substr(0, at));
    if (at == std::string_view::npos) break;
    text(value[at] == '\'' ? "''" : nul);
    value.remove_prefix(at + 1);
  }
  text("'");
}

void SqlWriter::blob_literal(BytesView bytes) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::array<char, 4096> hex;
  text("X'");
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), hex.size() / 2);
    for (std::size_t i = 0; i < size; i++) {
      const auto byte = static_cast<unsigned char>(bytes[i]);
      hex[2 * i] = kDigits[byte >> 4];
      hex[2 * i + 1] = kDigits[byte & 15];
    }
    text({hex.data(), 2 * size});
    bytes.remove_prefix(size);
  }
  text("'");
}

void SqlWriter::flush() {
  if (status_.ok()) status_ = sink_(piece_);
  piece_.clear();
}

std::string quoted_name(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

}  // namespace rqlite::sqlite
