#include "store/request_runner.h"

#include "sqlite/sql_text.h"

namespace rqlite::store {

using command::RequestReader;
using command::RequestResult;
using sqlite::Error;
using sqlite::Fault;

namespace {

// SQLite's own text for what a commit of unsatisfied foreign keys meets.
constexpr const char* kForeignKeyFailed = "FOREIGN KEY constraint failed";
constexpr const char* kLeftOpen =
    "the request left a transaction open, which was rolled back: a transaction ends with its "
    "request";

// As a statement of its own, PRAGMA foreign_keys is meant to last. Inside a longer text, as in a
// dump, it is not.
bool is_lone_pragma(BytesView sql) {
  const sqlite::SqlShape shape = sqlite::shape_of(sql);
  return shape.single && shape.first == sqlite::Keyword::kPragma;
}

void fail_request(RequestResult& result, std::string error) {
  result.statements.clear();
  result.error = std::move(error);
}

}  // namespace

bool RequestRunner::runs_in_transaction(BytesView request) {
  return can_run_inside(request, false);
}

bool RequestRunner::is_groupable(BytesView request) { return can_run_inside(request, true); }

bool RequestRunner::can_run_inside(BytesView request, bool beside_others) {
  RequestReader reader(request);
  while (reader.next()) {
    const sqlite::StatementCache::Entry* entry = writer_.cache().find(reader.sql());
    const sqlite::SqlShape shape = entry != nullptr ? entry->shape : sqlite::shape_of(reader.sql());
    if (!sqlite::is_groupable(shape)) return false;
    if (beside_others && entry != nullptr && entry->writes_virtual_table) return false;
  }
  return true;
}

RequestRunner::Outcome RequestRunner::in_trouble(Fault fault, const std::string& text) {
  trouble_ = sqlite::status_of({fault, text}, "apply");
  return Outcome::kTrouble;
}

// Runs one of our own statements that control the transaction.
RequestRunner::Outcome RequestRunner::control(const char* sql) {
  const Error error = writer_.connection().execute(sql);
  if (error.ok()) return Outcome::kDone;
  return in_trouble(error.fault == Fault::kStatement ? Fault::kStorage : error.fault, error.text);
}

RequestRunner::Outcome RequestRunner::run_alone(BytesView request, RequestResult& result) {
  RequestReader reader(request);
  sqlite::Connection& connection = writer_.connection();
  CHECK(connection.is_autocommit());
  partly_committed_ = false;
  // Reading the schema, which a connection does when it has to, would end PRAGMA defer_foreign_keys
  // behind a statement of the client's, on this node alone.
  if (const Error error = connection.refresh_schema(); !error.ok()) {
    return in_trouble(error.fault == Fault::kStatement ? Fault::kStorage : error.fault, error.text);
  }
  bool failed = false;
  if (!reader.flags().transaction) {
    const Outcome outcome = run_statements(reader, false, false, result, failed);
    return outcome == Outcome::kDone ? end_alone(result) : outcome;
  }

  if (Outcome outcome = control("BEGIN"); outcome != Outcome::kDone) return outcome;
  Outcome outcome = run_statements(reader, true, false, result, failed);
  if (outcome != Outcome::kDone) return outcome;
  if (failed) {
    if (!connection.is_autocommit()) outcome = control("ROLLBACK");
    return outcome == Outcome::kDone ? end_alone(result) : outcome;
  }
  const Error committed = connection.execute("COMMIT");
  if (committed.fault == Fault::kStatement) {
    // A foreign key without a match, or a transaction that the request itself ended.
    fail_request(result, committed.text);
    if (!connection.is_autocommit()) outcome = control("ROLLBACK");
  } else if (!committed.ok()) {
    outcome = in_trouble(committed.fault, committed.text);
  }
  return outcome == Outcome::kDone ? end_alone(result) : outcome;
}

RequestRunner::Outcome RequestRunner::end_alone(RequestResult& result) {
  if (!writer_.connection().is_autocommit()) {
    if (Outcome outcome = control("ROLLBACK"); outcome != Outcome::kDone) return outcome;
    // A text that failed in the middle of its own transaction says best what was wrong.
    const bool told = result.statements.size() == 1 && !result.statements.front().error.empty();
    if (!told) fail_request(result, kLeftOpen);
  }
  // Nothing of what a group has to know matters to a request that ran alone.
  trouble_ = writer_.end_request();
  return trouble_.ok() ? Outcome::kDone : Outcome::kTrouble;
}

RequestRunner::Outcome RequestRunner::run_in_group(BytesView request, RequestResult& result) {
  RequestReader reader(request);
  if (reader.flags().transaction) return run_atomic_in_group(reader, result);
  bool failed = false;
  return run_statements(reader, false, true, result, failed);
}

RequestRunner::Outcome RequestRunner::run_atomic_in_group(RequestReader& reader,
                                                          RequestResult& result) {
  if (Outcome outcome = control("SAVEPOINT request"); outcome != Outcome::kDone) return outcome;
  bool failed = false;
  Outcome outcome = run_statements(reader, true, true, result, failed);
  if (outcome != Outcome::kDone) return outcome;
  if (!failed && writer_.connection().has_deferred_violations()) {
    fail_request(result, kForeignKeyFailed);
    failed = true;
  }
  if (failed) outcome = control("ROLLBACK TO request");
  if (outcome == Outcome::kDone) outcome = control("RELEASE request");
  return outcome;
}

RequestRunner::Outcome RequestRunner::run_statements(RequestReader& reader, bool atomic,
                                                     bool in_group, RequestResult& result,
                                                     bool& failed) {
  sqlite::Connection& connection = writer_.connection();
  StatementRunner runner(connection, writer_.cache());
  std::uint64_t number = 0;
  while (reader.next()) {
    // The empty text has no result; blanks and comments have an empty one.
    if (reader.sql().empty()) continue;
    command::StatementResult& each = result.statements.emplace_back();
    const bool foreign_keys = writer_.foreign_keys();
    if (number++ >= reader.runs_max()) {
      leave_out(reader, each);
      failed = true;
      if (atomic) break;
      continue;
    }
    if (expired_ && expired_()) return in_trouble(Fault::kInterrupt, "interrupted");
    const Fault fault = runner.run(reader.sql(), reader.parameters(), reader.flags(), each);
    if (fault != Fault::kNone) return in_trouble(fault, each.error);
    // In a unified request, what does not compile ends no transaction.
    const bool ends = !each.error.empty() && !runner.failed_to_compile();
    failed = failed || ends;
    if (in_group) {
      if (must_ungroup(runner)) return Outcome::kUngroup;
      // By itself, it would have changed nothing.
      if (!expired_ && !atomic && runner.take_half_done()) return Outcome::kUngroup;
      // Committing by itself, it would have failed here.
      if (!expired_ && !atomic && writer_.foreign_keys() && connection.has_deferred_violations()) {
        return Outcome::kUngroup;
      }
    } else {
      if (writer_.foreign_keys() != foreign_keys && is_lone_pragma(reader.sql())) {
        writer_.keep_foreign_keys();
      }
      partly_committed_ = partly_committed_ || connection.is_autocommit();
    }
    if (atomic && failed) break;
  }
  if (!reader.ok()) return in_trouble(Fault::kStorage, "a request in the log is malformed");
  return Outcome::kDone;
}

// The statement's time was up before this entry was proposed.
void RequestRunner::leave_out(const RequestReader& reader, command::StatementResult& result) {
  Error ignored;
  const StatementKind kind =
      kind_of_first(writer_.connection(), writer_.cache(), reader.sql(), ignored);
  const bool read = reader.flags().unified && kind == StatementKind::kRead;
  const bool queries = read || kind == StatementKind::kReturningWrite;
  result.error = queries ? "query timeout" : "execute timeout";
  if (read) result.rows = std::make_unique<command::Rows>();
}

bool RequestRunner::must_ungroup(StatementRunner& runner) {
  // OR ROLLBACK and RAISE(ROLLBACK) end the transaction; a temporary table changes the session;
  // a virtual table shows where transactions end.
  if (expired_) return writer_.connection().is_autocommit();
  return writer_.connection().is_autocommit() || writer_.connection().session_changed() ||
         runner.take_virtual_table_written();
}

}  // namespace rqlite::store
