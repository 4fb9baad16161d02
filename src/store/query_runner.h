#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "command/request.h"
#include "sqlite/connection.h"
#include "sqlite/statement_cache.h"
#include "store/database_counts.h"
#include "store/query.h"

namespace rqlite::store {

// Runs the statements of a query on a connection that only reads.
//
// Of a text with several SQL statements only the last runs; those before are prepared and bound,
// so that their errors show. No statement's failure stops the others. Whatever transaction the
// query leaves open is ended with it: nobody else's read runs inside.
class QueryRunner {
 public:
  // What stands in a query although it writes: a connection that only reads says no by itself; one
  // that writes has to be kept from it.
  enum class Writes { kFail, kRefused };
  // All must outlive *this.
  QueryRunner(sqlite::Connection& connection, sqlite::StatementCache& cache, const Clock& clock,
              Writes writes = Writes::kFail)
      : connection_(connection), cache_(cache), clock_(clock), writes_(writes) {}

  // Reports all but finished() to `sink`, and returns what finished() is to be told. Statements
  // that still run at `deadline` fail. The query ends with `stopping`, which lives as long.
  Status run(const Query& query, TimePoint deadline, const std::atomic<bool>& stopping,
             QuerySink& sink);

  // The same for a read that takes next to no time and has little to tell. False if it turned out
  // not to be one, or is known for it: what `sink` heard is void then.
  bool run_if_short(const Query& query, TimePoint deadline, QuerySink& sink, Status& status);

  // What the last one of either ran.
  [[nodiscard]] const DatabaseCounts& counts() const { return counts_; }

  // Runs one statement's text, and tells `sink` of its columns and rows only.
  sqlite::Error run_text(BytesView sql, const std::vector<command::Parameter>& parameters,
                         bool qualify, QuerySink& sink);

 private:
  class Watch;

  Status run_request(const Query& query, QuerySink& sink);
  sqlite::Error run_last(sqlite::Statement& statement, sqlite::Keyword keyword, bool qualify,
                         QuerySink& sink);

  sqlite::Connection& connection_;
  sqlite::StatementCache& cache_;
  const Clock& clock_;
  const Writes writes_;
  std::vector<sqlite::ValueView> row_;

  bool must_be_short_ = false;
  bool too_long_ = false;  // which it is not
  std::size_t bytes_ = 0;  // of values that were read
  TimePoint deadline_ = TimePoint::max();
  bool timed_out_ = false;
  const std::atomic<bool>* stopping_ = nullptr;
  bool stopped_ = false;
  QuerySink* sink_ = nullptr;  // of the query that runs
  bool unwanted_ = false;      // by whoever takes the rows
  DatabaseCounts counts_;
};

}  // namespace rqlite::store
