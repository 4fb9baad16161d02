#include "store/statement_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "store/query_runner.h"

namespace rqlite::store {

using command::Parameter;
using command::StatementResult;
using sqlite::Error;
using sqlite::Fault;
using sqlite::Statement;

namespace {

// What a read in an entry may return. Every member of the cluster has all of it in memory
// while it applies the entry; a query that goes nowhere but to its client knows no such bound.
constexpr std::size_t kRowsBytesMax = 256 << 20;
constexpr const char* kTooManyRows =
    "too many rows for a request that writes: read them with a query";

// Beyond ASCII whatever SQLite takes in a name, which is everything.
bool begins_with_letter(std::string_view name) {
  const char c = name.front();
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (static_cast<unsigned char>(c) >= 0x80);
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return text;
}

// The type of a column without a declared one.
std::string type_of(const sqlite::ValueView& value) {
  switch (value.type) {
    case sqlite::ValueType::kNull:
      return "";
    case sqlite::ValueType::kInteger:
      return "integer";
    case sqlite::ValueType::kReal:
      return "real";
    case sqlite::ValueType::kText:
    case sqlite::ValueType::kBlob:
      return "text";
  }
  return "";
}

// Collects what a read of a unified request returns.
class RowsCollector final : public QuerySink {
 public:
  explicit RowsCollector(command::Rows& rows) : rows_(rows) {}

  void begin(bool) override {}
  void columns(std::vector<std::string> names, std::vector<std::string> types) override {
    rows_.columns = std::move(names);
    rows_.types = std::move(types);
  }
  bool row(std::span<const sqlite::ValueView> values) override {
    for (const sqlite::ValueView& value : values) rows_.add(value);
    rows_.count++;
    return !too_many();
  }
  void done(double) override {}
  void failed(std::string) override {}
  void finished(const Status&, raft::Index) override {}

  [[nodiscard]] bool too_many() const { return rows_.values.size() > kRowsBytesMax; }

 private:
  command::Rows& rows_;
};

}  // namespace

Error bind_parameters(Statement& statement, std::span<const Parameter> parameters,
                      std::size_t& used, Shortage shortage) {
  bool any_named = false;
  for (const Parameter& parameter : parameters) {
    if (parameter.name.empty()) continue;
    any_named = true;
    if (begins_with_letter(parameter.name)) continue;
    return {Fault::kStatement,
            fmt::format("name \"{}\" does not begin with a letter", parameter.name)};
  }
  const auto wanted = static_cast<std::size_t>(statement.parameter_count());
  if (wanted == 0) return {};
  const std::size_t left = parameters.size() - used;
  if (left < wanted) {
    const std::size_t got = shortage == Shortage::kTellsAll ? parameters.size() : left;
    return {Fault::kStatement,
            fmt::format("not enough args to execute query: want {} got {}", wanted, got)};
  }
  for (std::size_t i = 0; i < wanted; i++) {
    const Parameter& parameter = parameters[used + i];
    if (!parameter.name.empty()) continue;
    if (Error error = statement.bind(static_cast<int>(i) + 1, parameter.value); !error.ok()) {
      return error;
    }
  }
  used += wanted;
  if (!any_named) return {};
  // Names are visible to every statement of the text.
  for (const Parameter& parameter : parameters) {
    if (parameter.name.empty()) continue;
    for (std::size_t i = 1; i <= wanted; i++) {
      const std::string_view name = statement.parameter_name(static_cast<int>(i));
      if (name.empty() || name.front() == '?' || name.substr(1) != parameter.name) continue;
      if (Error error = statement.bind(static_cast<int>(i), parameter.value); !error.ok()) {
        return error;
      }
    }
  }
  return {};
}

void describe_columns(const Statement& statement, bool first_row, bool qualify,
                      std::vector<std::string>& columns, std::vector<std::string>& types) {
  const int count = statement.column_count();
  for (int i = 0; i < count; i++) {
    columns.push_back(qualify ? statement.qualified_column_name(i) : statement.column_name(i));
    std::string type = lower_case(statement.declared_type(i));
    if (type.empty() && first_row) type = type_of(statement.column(i));
    types.push_back(std::move(type));
  }
}

StatementKind kind_of_first(sqlite::Connection& connection, sqlite::StatementCache& cache,
                            BytesView sql, Error& error) {
  sqlite::StatementCache::Entry* cached = cache.find(sql);
  const sqlite::SqlShape shape = cached != nullptr ? cached->shape : sqlite::shape_of(sql);
  auto kind_of = [&](const Statement& first) {
    if (!error.ok()) return StatementKind::kNone;
    // SQLite's test sees through EXPLAIN, which never changes anything.
    if (!first.has_value() || shape.first == sqlite::Keyword::kExplain) return StatementKind::kRead;
    const bool has_columns = first.column_count() > 0;
    if (!first.is_read_only()) {
      return has_columns ? StatementKind::kReturningWrite : StatementKind::kWrite;
    }
    // It also takes a DROP IF EXISTS of nothing for a read.
    const bool reads = has_columns || shape.first != sqlite::Keyword::kOther;
    return reads ? StatementKind::kRead : StatementKind::kWrite;
  };
  if (cached != nullptr && shape.single) {
    if (!cached->statement.has_value()) {
      std::string_view rest = cached->sql;
      cached->statement = connection.prepare(rest, true, error);
    }
    return kind_of(cached->statement);
  }
  std::string_view rest = sql;
  const Statement first = connection.prepare(rest, false, error);
  return kind_of(first);
}

Fault StatementRunner::run(BytesView sql, const std::vector<Parameter>& parameters,
                           command::RequestFlags flags, StatementResult& result) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = flags.timings ? Clock::now() : Clock::time_point();
  Error error = flags.unified ? run_unified(sql, parameters, flags.qualify_columns, result)
                              : run_all(sql, parameters, result);
  if (!error.ok()) {
    const bool read = flags.unified && result.rows != nullptr;
    result = {};
    result.error = std::move(error.text);
    if (read) result.rows = std::make_unique<command::Rows>();
    if (error.fault != Fault::kStatement && error.fault != Fault::kReadOnly) return error.fault;
  } else if (flags.timings) {
    result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  }
  return Fault::kNone;
}

Error StatementRunner::run_unified(BytesView sql, const std::vector<Parameter>& parameters,
                                   bool qualify, StatementResult& result) {
  const sqlite::StatementCache::Entry* cached = cache_.find(sql);
  const bool was_prepared = cached != nullptr && cached->statement.has_value();
  const bool autocommit = connection_.is_autocommit();
  Error error;
  const bool reads = kind_of_first(connection_, cache_, sql, error) == StatementKind::kRead;
  failed_to_compile_ = !error.ok();
  if (failed_to_compile_) return error;
  if (reads) {
    result.rows = std::make_unique<command::Rows>();
    RowsCollector rows(*result.rows);
    static const SystemClock kNoLimits;  // nothing here asks it for the time
    QueryRunner query(connection_, cache_, kNoLimits, QueryRunner::Writes::kRefused);
    error = query.run_text(sql, parameters, qualify, rows);
    if (error.ok() && rows.too_many()) error = {Fault::kStatement, kTooManyRows};
  } else {
    error = run_all(sql, parameters, result);
    // A write that fails behind its first row is no failed read.
    if (!error.ok()) result.rows = nullptr;
  }
  // What was prepared before the schema changed finds out only now that it does not compile any
  // more. A replica that has just started must not be the only one to see it as that. A statement
  // that failed has left the schema as it was, unless it ended the transaction.
  if (was_prepared && error.fault == Fault::kStatement &&
      connection_.is_autocommit() == autocommit) {
    Error again;
    std::string_view rest = sql;
    (void)connection_.prepare(rest, false, again);
    if (again.fault == Fault::kStatement) {
      failed_to_compile_ = true;
      result.rows = nullptr;
      return again;
    }
  }
  return error;
}

Error StatementRunner::run_all(BytesView sql, std::span<const Parameter> parameters,
                               StatementResult& result) {
  std::size_t used = 0;
  Error error;
  sqlite::StatementCache::Entry* cached = cache_.find(sql);
  if (cached != nullptr && cached->shape.single) {
    if (!cached->statement.has_value()) {
      std::string_view rest = cached->sql;
      cached->statement = connection_.prepare(rest, true, error);
      if (!error.ok()) return error;
    }
    // Blanks and comments alone do nothing, and say so.
    if (!cached->statement.has_value()) return {};
    error = run_one(cached->statement, cached->shape.first, parameters, used, result);
    cached->statement.clear_bindings();
    // Asked only while a statement is prepared: the answer is kept with the prepared statement.
    cached->writes_virtual_table |= connection_.take_virtual_table_written();
    virtual_table_written_ |= cached->writes_virtual_table;
    return error;
  }
  std::string_view rest = sql;
  while (!rest.empty()) {
    const std::string_view before = rest;
    Statement statement = connection_.prepare(rest, false, error);
    if (!error.ok()) return error;
    result = {};
    if (!statement.has_value()) {
      if (rest.size() == before.size() || rest.empty()) break;
      continue;
    }
    const sqlite::Keyword keyword =
        sqlite::shape_of(before.substr(0, before.size() - rest.size())).first;
    error = run_one(statement, keyword, parameters, used, result);
    if (!error.ok()) return error;
    if (rest.find_first_not_of(" \t\r\n\f") == std::string_view::npos) break;
  }
  return {};
}

bool StatementRunner::take_virtual_table_written() {
  const bool uncached = connection_.take_virtual_table_written();
  return std::exchange(virtual_table_written_, false) || uncached;
}

Error StatementRunner::run_one(Statement& statement, sqlite::Keyword keyword,
                               std::span<const Parameter> parameters, std::size_t& used,
                               StatementResult& result) {
  Error error = bind_parameters(statement, parameters, used, Shortage::kTellsAll);
  if (!error.ok()) return error;
  // VACUUM attaches a file of its own, which is refused to everybody else.
  const bool vacuums =
      keyword == sqlite::Keyword::kVacuum || keyword == sqlite::Keyword::kVacuumInto;
  if (vacuums) connection_.set_vacuum_allowed(true);
  // The first step comes before any question about the result: it may prepare the statement anew.
  const std::int64_t rowid = connection_.last_insert_rowid();
  const Statement::Step first = statement.step(error);
  if (vacuums) {
    connection_.set_vacuum_allowed(false);
    // VACUUM leaves one of its own rows' there.
    connection_.set_last_insert_rowid(rowid);
    // The other file is the statement's own trouble, and not that of the database.
    const bool own = keyword == sqlite::Keyword::kVacuumInto && !error.ok();
    if (own && error.fault != Fault::kInterrupt) error.fault = Fault::kStatement;
  }
  const bool returning = first != Statement::Step::kError && keyword == sqlite::Keyword::kOther &&
                         statement.column_count() > 0 && !statement.is_read_only();
  if (returning) {
    result.rows = std::make_unique<command::Rows>();
    describe_columns(statement, first == Statement::Step::kRow, false, result.rows->columns,
                     result.rows->types);
    if (first == Statement::Step::kRow) error = collect_rows(statement, result);
  }
  statement.reset();
  half_done_ = half_done_ || (error.fault == Fault::kStatement && !error.is_constraint &&
                              !statement.is_read_only());
  if (!error.ok()) return error;
  if (!returning) {
    result.last_insert_id = connection_.last_insert_rowid();
    result.rows_affected = connection_.changes();
  }
  return {};
}

Error StatementRunner::collect_rows(Statement& statement, StatementResult& result) {
  const auto columns = static_cast<int>(result.rows->columns.size());
  Error error;
  do {
    for (int i = 0; i < columns; i++) result.rows->add(statement.column(i));
    result.rows->count++;
  } while (statement.step(error) == Statement::Step::kRow);
  return error;
}

}  // namespace rqlite::store
