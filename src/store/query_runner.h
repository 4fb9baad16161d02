#pragma once

#include "command/request.h"
#include "sqlite/connection.h"
#include "sqlite/statement_cache.h"
#include "store/query.h"

namespace rqlite::store {

// Runs the statements of a query on a connection that only reads.
//
// Of a text with several SQL statements only the last runs; those before are prepared and bound,
// so that their errors show. No statement's failure stops the others. Whatever transaction the
// query leaves open is ended with it: nobody else's read runs inside.
class QueryRunner {
 public:
  QueryRunner(sqlite::Connection& connection, sqlite::StatementCache& cache)
      : connection_(connection), cache_(cache) {}

  // Reports all but finished() to `sink`, and returns what finished() is to be told.
  Status run(const Query& query, QuerySink& sink);

 private:
  sqlite::Error run_text(BytesView sql, const std::vector<command::Parameter>& parameters,
                         bool qualify, QuerySink& sink);
  sqlite::Error run_last(sqlite::Statement& statement, sqlite::Keyword keyword, bool qualify,
                         QuerySink& sink);

  sqlite::Connection& connection_;
  sqlite::StatementCache& cache_;
  std::vector<sqlite::ValueView> row_;
};

}  // namespace rqlite::store
