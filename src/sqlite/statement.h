#pragma once

#include <string>
#include <string_view>

#include "sqlite/error.h"
#include "sqlite/value.h"

struct sqlite3_stmt;

namespace rqlite::sqlite {

class Connection;

// One prepared statement. Belongs to the thread that uses its connection, and must not outlive it.
class Statement {
 public:
  enum class Step { kRow, kDone, kError };

  Statement() = default;
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  // False for an empty text: nothing to run.
  [[nodiscard]] bool has_value() const { return statement_ != nullptr; }

  [[nodiscard]] bool is_read_only() const;

  // Number of parameters, counted by the highest index; and the name of one, from 1, with its
  // prefix, empty if it has none.
  [[nodiscard]] int parameter_count() const;
  [[nodiscard]] std::string_view parameter_name(int index) const;
  // Precondition: 1 <= index <= parameter_count(), and the statement is reset. The bytes of
  // `value` must live until the next reset().
  [[nodiscard]] Error bind(int index, const ValueView& value);
  void clear_bindings();

  // After an error the statement is to be reset.
  Step step(Error& error);
  // Ends the run. The error, if any, was reported by step().
  void reset();

  // Of the result: right only after the first step(), because a statement that notices a change
  // of the schema is prepared anew by it.
  [[nodiscard]] int column_count() const;
  [[nodiscard]] std::string column_name(int column) const;
  // "table.name" for what comes directly from a table's column, by the table's real name.
  [[nodiscard]] std::string qualified_column_name(int column) const;
  // As written in CREATE TABLE; empty for what is not a plain column.
  [[nodiscard]] std::string declared_type(int column) const;
  // Of the current row. The bytes live until the next step() or reset().
  [[nodiscard]] ValueView column(int column) const;

 private:
  friend class Connection;
  Statement(Connection* connection, sqlite3_stmt* statement)
      : connection_(connection), statement_(statement) {}

  Connection* connection_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace rqlite::sqlite
