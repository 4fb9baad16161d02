#include "store/query_runner.h"

#include <algorithm>
#include <chrono>

#include "command/command.h"
#include "store/statement_runner.h"

namespace rqlite::store {

using sqlite::Error;
using sqlite::Fault;
using sqlite::Statement;

namespace {

constexpr const char* kTimedOut = "query timeout";
constexpr const char* kWouldWrite = "attempt to change database via query operation";

// What a read may take and still be a short one. The time it takes on a thread that serves others
// is what matters, but it is known too late: statements, steps and bytes stand for it, and between
// steps the clock has a say, for pages may come from a slow disk.
constexpr int kShortStatements = 32;
constexpr int kShortWatches = 5;  // of so many steps each
constexpr std::size_t kShortBytes = 32 * 1024;
constexpr std::chrono::microseconds kShortTimeMax{2000};
// One that took so long nevertheless, or more than it may, is not tried for the next so many times,
// and the double when that has not changed it.
constexpr std::chrono::microseconds kShortTime{500};
constexpr int kLongRunsBeforeNextTry = 64;
constexpr int kLongRunsBeforeNextTryMax = 64 * 1024;

void note_long_run(sqlite::StatementCache::Entry& entry) {
  entry.long_pause =
      std::clamp(2 * entry.long_pause, kLongRunsBeforeNextTry, kLongRunsBeforeNextTryMax);
  entry.long_runs = entry.long_pause;
}

}  // namespace

// Watches over the statements of a request while it lives.
class QueryRunner::Watch {
 public:
  explicit Watch(QueryRunner& runner) : runner_(runner) {
    runner.connection_.watch([this] { return expired(); });
  }
  ~Watch() { runner_.connection_.watch(nullptr); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  bool expired() {
    if (runner_.stopping_ != nullptr && *runner_.stopping_) return runner_.stopped_ = true;
    if (!runner_.sink_->is_wanted()) return runner_.unwanted_ = true;
    if (!runner_.must_be_short_ && runner_.deadline_ == TimePoint::max()) return false;
    const TimePoint now = runner_.clock_.now();
    if (now >= runner_.deadline_) return runner_.timed_out_ = true;
    if (!runner_.must_be_short_) return false;
    return runner_.too_long_ = ++count_ > kShortWatches || now - start_ > kShortTimeMax;
  }

  QueryRunner& runner_;
  const TimePoint start_ = runner_.clock_.now();
  int count_ = 0;
};

Status QueryRunner::run(const Query& query, TimePoint deadline, const std::atomic<bool>& stopping,
                        QuerySink& sink) {
  must_be_short_ = false;
  deadline_ = deadline;
  stopping_ = &stopping;
  sink_ = &sink;
  sink.begin(true);
  return run_request(query, sink);
}

bool QueryRunner::run_if_short(const Query& query, TimePoint deadline, QuerySink& sink,
                               Status& status) {
  must_be_short_ = true;
  deadline_ = deadline;
  sink_ = &sink;
  sink.begin(false);
  status = run_request(query, sink);
  return !too_long_;
}

Status QueryRunner::run_request(const Query& query, QuerySink& sink) {
  // Before anything ran, it is the request that is too late.
  if (deadline_ != TimePoint::max() && clock_.now() >= deadline_) {
    return {Code::kDeadline, "context deadline exceeded"};
  }
  const std::optional<command::Command> decoded = command::decode_command(query.request);
  if (!decoded || decoded->requests.size() != 1) {
    return {Code::kInvalid, "the request is malformed"};
  }
  command::RequestReader reader(decoded->requests.front());
  counts_ = {};
  const bool unified = reader.flags().unified;
  std::uint64_t& count = unified ? counts_.requests : counts_.queries;
  if (reader.flags().transaction) {
    (unified ? counts_.request_transactions : counts_.query_transactions)++;
    if (Error error = connection_.execute("BEGIN"); !error.ok()) {
      return sqlite::status_of(error, "query");
    }
  }
  const Watch watch(*this);
  int statements = 0;
  while (!unwanted_ && reader.next()) {
    if (reader.sql().empty()) continue;
    too_long_ = must_be_short_ && ++statements > kShortStatements;
    if (too_long_) break;
    const TimePoint start = clock_.now();
    timed_out_ = timed_out_ || start >= deadline_;
    count++;
    if (timed_out_) {
      counts_.query_errors++;
      sink.failed(kTimedOut);
      continue;
    }
    Error error = run_text(reader.sql(), reader.parameters(), query.qualify_columns, sink);
    if (stopped_) {
      sink.failed("store not open");
      break;
    }
    if (too_long_) break;
    if (error.fault == Fault::kReadOnly) error.text = kWouldWrite;
    if (error.fault == Fault::kInterrupt) error.text = kTimedOut;
    if (error.ok()) {
      const std::chrono::duration<double> took = clock_.now() - start;
      sink.done(reader.flags().timings ? took.count() : 0);
    } else {
      counts_.query_errors++;
      sink.failed(std::move(error.text));
    }
  }
  // Its own, and whatever a statement began.
  if (!connection_.is_autocommit()) (void)connection_.execute("ROLLBACK");
  if (stopped_) return {Code::kUnavailable, "store not open"};
  if (timed_out_ && reader.flags().transaction) {
    return {Code::kDeadline, "sql: transaction has already been committed or rolled back"};
  }
  return reader.ok() ? Status() : Status(Code::kInvalid, "the request is malformed");
}

Error QueryRunner::run_text(BytesView sql, const std::vector<command::Parameter>& parameters,
                            bool qualify, QuerySink& sink) {
  std::size_t used = 0;
  Error error;
  sqlite::StatementCache::Entry* cached = cache_.find(sql);
  if (must_be_short_) {
    too_long_ = cached == nullptr || !cached->shape.single || cached->long_runs > 0;
    if (too_long_) {
      if (cached != nullptr && cached->long_runs > 0) cached->long_runs--;
      return {};
    }
  }
  if (cached != nullptr && cached->shape.single) {
    const TimePoint start = must_be_short_ ? clock_.now() : TimePoint();
    if (!cached->statement.has_value()) {
      std::string_view rest = cached->sql;
      cached->statement = connection_.prepare(rest, true, error);
      if (!error.ok()) return error;
    }
    if (!cached->statement.has_value()) {
      sink.columns({}, {});
      return {};
    }
    error = bind_parameters(cached->statement, parameters, used, Shortage::kTellsRest);
    if (error.ok()) error = run_last(cached->statement, cached->shape.first, qualify, sink);
    cached->statement.reset();
    cached->statement.clear_bindings();
    if (must_be_short_) {
      if (too_long_ || clock_.now() - start > kShortTime) {
        note_long_run(*cached);
      } else {
        cached->long_pause = 0;
      }
    }
    return error;
  }
  std::string_view rest = sql;
  while (true) {
    const std::string_view before = rest;
    if (is_answered_when_prepared(sqlite::shape_of(before).first)) {
      error = connection_.refresh_schema();
      if (!error.ok()) return error;
    }
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
    error = bind_parameters(statement, parameters, used, Shortage::kTellsRest);
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
  if (keyword == sqlite::Keyword::kVacuum || keyword == sqlite::Keyword::kVacuumInto)
    return {Fault::kReadOnly, kWouldWrite};
  if (writes_ == Writes::kRefused && !statement.is_read_only() &&
      keyword != sqlite::Keyword::kExplain) {
    return {Fault::kStatement, kWouldWrite};
  }
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
    for (std::size_t i = 0; i < columns; i++) {
      row_.push_back(statement.column(static_cast<int>(i)));
      bytes_ += sizeof(std::int64_t) + row_.back().bytes.size();
    }
    if (must_be_short_ && bytes_ > kShortBytes) {
      too_long_ = true;
      return {};
    }
    unwanted_ = !sink.row(row_);
    if (unwanted_) return {};
    step = statement.step(error);
  }
  return error;
}

}  // namespace rqlite::store
