#include "store/query_runner.h"

#include <chrono>

#include "command/command.h"
#include "store/statement_runner.h"

namespace rqlite::store {

using sqlite::Error;
using sqlite::Fault;
using sqlite::Statement;

namespace {

constexpr const char* kWouldWrite = "attempt to change database via query operation";

}  // namespace

Status QueryRunner::run(const Query& query, QuerySink& sink) {
  using Clock = std::chrono::steady_clock;
  const std::optional<command::Command> decoded = command::decode_command(query.request);
  if (!decoded || decoded->requests.size() != 1) {
    return {Code::kInvalid, "the request is malformed"};
  }
  command::RequestReader reader(decoded->requests.front());
  if (reader.flags().transaction) {
    if (Error error = connection_.execute("BEGIN"); !error.ok()) {
      return sqlite::status_of(error, "query");
    }
  }
  while (reader.next()) {
    if (reader.sql().empty()) continue;
    const Clock::time_point start = Clock::now();
    Error error = run_text(reader.sql(), reader.parameters(), query.qualify_columns, sink);
    if (error.fault == Fault::kReadOnly) error.text = kWouldWrite;
    if (error.ok()) {
      const std::chrono::duration<double> took = Clock::now() - start;
      sink.done(reader.flags().timings ? took.count() : 0);
    } else {
      sink.failed(std::move(error.text));
    }
  }
  // Its own, and whatever a statement began.
  if (!connection_.is_autocommit()) (void)connection_.execute("ROLLBACK");
  return reader.ok() ? Status() : Status(Code::kInvalid, "the request is malformed");
}

Error QueryRunner::run_text(BytesView sql, const std::vector<command::Parameter>& parameters,
                            bool qualify, QuerySink& sink) {
  std::size_t used = 0;
  Error error;
  sqlite::StatementCache::Entry* cached = cache_.find(sql);
  if (cached != nullptr && cached->shape.single) {
    if (!cached->statement.has_value()) {
      std::string_view rest = cached->sql;
      cached->statement = connection_.prepare(rest, true, error);
      if (!error.ok()) return error;
    }
    if (!cached->statement.has_value()) {
      sink.columns({}, {});
      return {};
    }
    error = bind_parameters(cached->statement, parameters, used);
    if (error.ok()) error = run_last(cached->statement, cached->shape.first, qualify, sink);
    cached->statement.reset();
    cached->statement.clear_bindings();
    return error;
  }
  std::string_view rest = sql;
  while (true) {
    const std::string_view before = rest;
    Statement statement = connection_.prepare(rest, false, error);
    if (!error.ok()) return error;
    const bool last = rest.find_first_not_of(" \t\r\n\f") == std::string_view::npos;
    if (!statement.has_value()) {
      if (last || rest.size() == before.size()) {
        sink.columns({}, {});
        return {};
      }
      continue;
    }
    error = bind_parameters(statement, std::span(parameters).subspan(used), used);
    if (!error.ok()) return error;
    if (last) {
      const sqlite::SqlShape shape = sqlite::shape_of(before);
      return run_last(statement, shape.first, qualify, sink);
    }
  }
}

Error QueryRunner::run_last(Statement& statement, sqlite::Keyword keyword, bool qualify,
                            QuerySink& sink) {
  // The connection cannot write and says so itself. It knows better than SQLite's test for
  // statements, which takes for a writer whatever might be one: DROP TABLE IF EXISTS of no table,
  // the EXPLAIN of an INSERT. Only VACUUM INTO would leave a file behind.
  if (keyword == sqlite::Keyword::kVacuum) return {Fault::kReadOnly, kWouldWrite};
  Error error;
  Statement::Step step = statement.step(error);
  if (step == Statement::Step::kError) return error;
  std::vector<std::string> names;
  std::vector<std::string> types;
  describe_columns(statement, step == Statement::Step::kRow, qualify, names, types);
  const std::size_t columns = names.size();
  sink.columns(std::move(names), std::move(types));
  while (step == Statement::Step::kRow) {
    row_.clear();
    for (std::size_t i = 0; i < columns; i++) row_.push_back(statement.column(static_cast<int>(i)));
    sink.row(row_);
    step = statement.step(error);
  }
  return error;
}

}  // namespace rqlite::store
