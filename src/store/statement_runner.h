#pragma once

#include <span>
#include <utility>
#include <vector>

#include "command/request.h"
#include "command/result.h"
#include "sqlite/connection.h"
#include "sqlite/statement_cache.h"

namespace rqlite::store {

// Runs the SQL text of one client statement on the writing connection, and says what it did.
//
// A text may hold several SQL statements: all run, in order, until one fails; the result is that
// of the last. Parameters are bound by the rules of bind_parameters(). In a unified request a text
// that begins with a read is a query, by the rules of QueryRunner.
class StatementRunner {
 public:
  StatementRunner(sqlite::Connection& connection, sqlite::StatementCache& cache)
      : connection_(connection), cache_(cache) {}

  // kNone: it ran, or failed by its own fault, which is in the result. Anything else is this
  // node's trouble, whose text is in the result.
  sqlite::Fault run(BytesView sql, const std::vector<command::Parameter>& parameters,
                    command::RequestFlags flags, command::StatementResult& result);

  // Whether the last text of a unified request failed because its first statement is none.
  [[nodiscard]] bool failed_to_compile() const { return failed_to_compile_; }

  // Whether a statement since the last call wrote to a virtual table.
  bool take_virtual_table_written();

  // Whether a statement since the last call failed in a way that, inside a transaction, may leave a
  // part of its changes there.
  bool take_half_done() { return std::exchange(half_done_, false); }

 private:
  sqlite::Error run_unified(BytesView sql, const std::vector<command::Parameter>& parameters,
                            bool qualify, command::StatementResult& result);
  sqlite::Error run_all(BytesView sql, std::span<const command::Parameter> parameters,
                        command::StatementResult& result);
  sqlite::Error run_one(sqlite::Statement& statement, sqlite::Keyword keyword,
                        std::span<const command::Parameter> parameters, std::size_t& used,
                        command::StatementResult& result);
  sqlite::Error collect_rows(sqlite::Statement& statement, command::StatementResult& result);

  sqlite::Connection& connection_;
  sqlite::StatementCache& cache_;
  bool virtual_table_written_ = false;
  bool failed_to_compile_ = false;
  bool half_done_ = false;
};

// What the first statement of `sql` does: nothing that changes the database, or something that
// does, and returns rows of it. kNone, with an error, if it does not compile.
enum class StatementKind { kNone, kRead, kWrite, kReturningWrite };
StatementKind kind_of_first(sqlite::Connection& connection, sqlite::StatementCache& cache,
                            BytesView sql, sqlite::Error& error);

// Binds what a client sent to a statement's parameters: positional values by index, named ones to
// :name, @name and $name. `used` of the values were taken by statements before in the same text; it
// grows by what this one takes. What a text that has too few is told depends on its kind: a write
// how many there are, a read how many are left.
enum class Shortage { kTellsAll, kTellsRest };
sqlite::Error bind_parameters(sqlite::Statement& statement,
                              std::span<const command::Parameter> parameters, std::size_t& used,
                              Shortage shortage);

// The names and types of a result, asked after the first step. `first_row` tells whether there is
// a row, whose values decide where no type was declared.
void describe_columns(const sqlite::Statement& statement, bool first_row, bool qualify,
                      std::vector<std::string>& columns, std::vector<std::string>& types);

}  // namespace rqlite::store
