#include "sqlite/statement.h"

#include <sqlite3.h>

#include <utility>

#include "sqlite/connection.h"
#include "sqlite/randomness.h"

namespace rqlite::sqlite {

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_), statement_(std::exchange(other.statement_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(connection_, other.connection_);
  std::swap(statement_, other.statement_);
  return *this;
}

bool Statement::is_read_only() const { return sqlite3_stmt_readonly(statement_) != 0; }

int Statement::parameter_count() const { return sqlite3_bind_parameter_count(statement_); }

std::string_view Statement::parameter_name(int index) const {
  const char* name = sqlite3_bind_parameter_name(statement_, index);
  return name == nullptr ? std::string_view() : name;
}

Error Statement::bind(int index, const ValueView& value) {
  int code = SQLITE_OK;
  // A null pointer would bind NULL, not an empty text or blob.
  const char* bytes = value.bytes.data() == nullptr ? "" : value.bytes.data();
  switch (value.type) {
    case ValueType::kNull:
      code = sqlite3_bind_null(statement_, index);
      break;
    case ValueType::kInteger:
      code = sqlite3_bind_int64(statement_, index, value.integer);
      break;
    case ValueType::kReal:
      code = sqlite3_bind_double(statement_, index, value.real);
      break;
    case ValueType::kText:
      code = sqlite3_bind_text64(statement_, index, bytes, value.bytes.size(), SQLITE_STATIC,
                                 SQLITE_UTF8);
      break;
    case ValueType::kBlob:
      code = sqlite3_bind_blob64(statement_, index, bytes, value.bytes.size(), SQLITE_STATIC);
      break;
  }
  return connection_->error_of(code);
}

void Statement::clear_bindings() { sqlite3_clear_bindings(statement_); }

Statement::Step Statement::step(Error& error) {
  sqlite3_stmt* const outer = std::exchange(connection_->stepping_, statement_);
  const RandomnessScope randomness(connection_->vfs_ == nullptr ? nullptr : &connection_->random_);
  const int code = sqlite3_step(statement_);
  connection_->stepping_ = outer;
  if (code == SQLITE_ROW) return Step::kRow;
  if (code == SQLITE_DONE) return Step::kDone;
  error = connection_->error_of(code);
  return Step::kError;
}

void Statement::reset() { sqlite3_reset(statement_); }

int Statement::column_count() const { return sqlite3_column_count(statement_); }

std::string Statement::column_name(int column) const {
  const char* name = sqlite3_column_name(statement_, column);
  return name == nullptr ? "" : name;
}

std::string Statement::qualified_column_name(int column) const {
  const char* table = sqlite3_column_table_name(statement_, column);
  return (table == nullptr ? std::string() : std::string(table) + ".") + column_name(column);
}

std::string Statement::declared_type(int column) const {
  const char* type = sqlite3_column_decltype(statement_, column);
  return type == nullptr ? "" : type;
}

ValueView Statement::column(int column) const {
  // A value without a lock of its own, which no connection here has: fetched once, it spares each
  // of the calls below the way through the statement.
  sqlite3_value* value = sqlite3_column_value(statement_, column);
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      return ValueView::of_integer(sqlite3_value_int64(value));
    case SQLITE_FLOAT:
      return ValueView::of_real(sqlite3_value_double(value));
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
      return ValueView::of_text({text, static_cast<std::size_t>(sqlite3_value_bytes(value))});
    }
    case SQLITE_BLOB: {
      const auto* blob = static_cast<const char*>(sqlite3_value_blob(value));
      const auto size = static_cast<std::size_t>(sqlite3_value_bytes(value));
      return ValueView::of_blob(size == 0 ? BytesView("", 0) : BytesView(blob, size));
    }
    default:
      return ValueView::null();
  }
}

}  // namespace rqlite::sqlite
