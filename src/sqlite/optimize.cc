#include "sqlite/optimize.h"

#include <sqlite3.h>

#include <functional>
#include <utility>

#include "sqlite/sql_writer.h"

namespace rqlite::sqlite {
namespace {

using Row = std::function<void(const Statement& row)>;

Status for_each_row(Connection& connection, std::string_view sql, const Row& then) {
  Error error;
  Statement statement = connection.prepare(sql, false, error);
  while (error.ok() && statement.step(error) == Statement::Step::kRow) then(statement);
  return status_of(error, "optimize");
}

// For versions that judge only tables for which this connection has planned something that depends
// on statistics: plans that for all of them.
Status use_statistics(Connection& connection) {
  std::vector<std::string> queries;
  RETURN_IF_ERROR(for_each_row(
      connection,
      "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_index_list(t.name) AS i,"
      " pragma_index_info(i.name) AS c"
      " WHERE t.type = 'table' AND NOT i.partial AND c.seqno = 0 AND c.name IS NOT NULL",
      [&queries](const Statement& row) {
        queries.push_back("SELECT 1 FROM main." + quoted_name(row.column(0).bytes) + " WHERE " +
                          quoted_name(row.column(1).bytes) + " = 1");
      }));
  for (const std::string& query : queries) {
    std::string_view sql = query;
    Error ignored;  // of a table that nobody can read
    (void)connection.prepare(sql, false, ignored);
  }
  return {};
}

}  // namespace

bool asking_takes_a_writer() { return sqlite3_libversion_number() >= 3'046'000; }

Result<std::vector<std::string>> wanted_analyses(Connection& connection) {
  if (!asking_takes_a_writer()) RETURN_IF_ERROR(use_statistics(connection));
  std::vector<std::string> statements;
  // All that it knows (every bit), but tell instead of do (bit 0).
  const Status asked =
      for_each_row(connection, "PRAGMA main.optimize(-1)", [&statements](const Statement& row) {
        const BytesView statement = row.column(0).bytes;
        if (statement.starts_with("ANALYZE \"main\".")) statements.emplace_back(statement);
      });
  if (!asked.ok()) return asked;
  return statements;
}

}  // namespace rqlite::sqlite
