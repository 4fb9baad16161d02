#include "store/query_runner.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"
#include "fakes/sim_vfs.h"
#include "sqlite/entry_vfs.h"
#include "store/value_text.h"

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

// What came, as text: "a b: 1|x, 2|y; error: …".
class TextSink final : public QuerySink {
 public:
  // Wants no more than `rows_max` rows, each of which takes some time.
  TextSink(std::uint64_t rows_max, FakeClock& clock, std::chrono::nanoseconds time_of_row)
      : rows_left_(rows_max), clock_(clock), time_of_row_(time_of_row) {}

  void begin(bool may_block) override {
    text = may_block ? "" : "short ";
    statements_ = 0;
  }
  void columns(std::vector<std::string> names, std::vector<std::string> types) override {
    next();
    for (std::size_t i = 0; i < names.size(); i++) {
      text += (i > 0 ? " " : "") + names[i] + (types[i].empty() ? "" : "/" + types[i]);
    }
  }
  bool row(std::span<const sqlite::ValueView> values) override {
    text += rows_++ == 0 ? ": " : ", ";
    for (std::size_t i = 0; i < values.size(); i++)
      text += (i > 0 ? "|" : "") + text_of_value(values[i]).substr(0, 20);
    clock_.advance(time_of_row_);
    return --rows_left_ > 0;
  }
  void done(double) override { open_ = false; }
  void failed(std::string error) override {
    if (!open_) next();
    text += " error: " + error;
    open_ = false;
  }
  void finished(const Status&, raft::Index) override { FAIL() << "not the runner's business"; }

  std::string text;

 private:
  void next() {
    if (statements_++ > 0) text += "; ";
    open_ = true;
    rows_ = 0;
  }
  std::uint64_t rows_left_;
  FakeClock& clock_;
  const std::chrono::nanoseconds time_of_row_;
  std::uint64_t rows_ = 0;
  std::uint64_t statements_ = 0;
  bool open_ = false;
};

constexpr const char* kEndless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

class QueryRunnerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(files_.make_directories("/data").ok());
    auto writer = sqlite::Connection::open_writer("/data/db", entry_vfs_, false);
    ASSERT_TRUE(writer.ok());
    writer_ = std::move(*writer);
    ASSERT_TRUE(writer_
                    ->execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);"
                              "INSERT INTO t VALUES(1, 'x'), (2, 'y')")
                    .ok());
    auto reader = sqlite::Connection::open_reader("/data/db", false, vfs_.name());
    ASSERT_TRUE(reader.ok());
    reader_ = std::move(*reader);
  }
  void TearDown() override { cache_.clear(); }

  static Query query_of(const std::vector<std::string>& sql, bool transaction = false) {
    Query query;
    command::RequestBuilder builder(query.request, {.transaction = transaction});
    for (const std::string& each : sql) builder.begin_statement(each);
    return query;
  }

  // What a reader's thread reports. Nothing is left open behind it.
  std::string run_query(const Query& query, std::uint64_t rows_max = UINT64_MAX) {
    TextSink sink(rows_max, clock_, time_of_row_);
    const Status status =
        QueryRunner(*reader_, cache_, clock_).run(query, deadline_, stopping_, sink);
    EXPECT_TRUE(reader_->is_autocommit());
    return status.ok() ? sink.text : "request: " + status.text();
  }
  std::string run(const std::vector<std::string>& sql) { return run_query(query_of(sql)); }

  // What a short read reports, or "long".
  std::string run_short_query(const Query& query) {
    TextSink sink(UINT64_MAX, clock_, time_of_row_);
    Status status;
    const bool was_short =
        QueryRunner(*reader_, cache_, clock_).run_if_short(query, deadline_, sink, status);
    EXPECT_TRUE(reader_->is_autocommit());
    if (!was_short) return "long";
    return status.ok() ? sink.text : "request: " + status.text();
  }
  std::string run_short(const std::vector<std::string>& sql) {
    return run_short_query(query_of(sql));
  }

  SimFileSystem files_;
  SimVfs vfs_{files_};
  sqlite::EntryVfs entry_vfs_{vfs_.name()};
  std::unique_ptr<sqlite::Connection> writer_;
  std::unique_ptr<sqlite::Connection> reader_;
  sqlite::StatementCache cache_;
  TimePoint deadline_ = TimePoint::max();
  std::atomic<bool> stopping_{false};
  FakeClock clock_;
  std::chrono::nanoseconds time_of_row_{0};
};

TEST_F(QueryRunnerTest, ReportsColumnsAndRows) {
  EXPECT_EQ(run({"SELECT * FROM t", "SELECT 1.5 AS r WHERE 0", "", "-- nothing"}),
            "a/integer b/text: 1|x, 2|y; r; ");
}

TEST_F(QueryRunnerTest, AnErrorStopsNothing) {
  for (const bool transaction : {false, true}) {
    EXPECT_EQ(run_query(query_of({"SELECT * FROM nowhere", "SELECT ?", "DELETE FROM t",
                                  "SELECT count(*) AS n FROM t"},
                                 transaction)),
              " error: no such table: nowhere;  error: not enough args to execute query: want 1 "
              "got 0;  error: attempt to change database via query operation; n/integer: 2");
  }
}

TEST_F(QueryRunnerTest, CountsWhatItRan) {
  TextSink sink(UINT64_MAX, clock_, time_of_row_);
  QueryRunner runner(*reader_, cache_, clock_);
  const Query query = query_of({"SELECT 1", "SELECT * FROM nowhere", ""}, true);
  // The second time too.
  for (int i = 0; i < 2; i++) {
    ASSERT_TRUE(runner.run(query, deadline_, stopping_, sink).ok());
    EXPECT_EQ(runner.counts().queries, 2u);
    EXPECT_EQ(runner.counts().query_errors, 1u);
    EXPECT_EQ(runner.counts().query_transactions, 1u);
    EXPECT_EQ(runner.counts().requests, 0u);
  }
}

TEST_F(QueryRunnerTest, OnlyTheLastStatementOfATextRuns) {
  EXPECT_EQ(run({"SELECT 1; SELECT 2 AS b", "SELECT * FROM nowhere; SELECT 2", "SELECT 1;;"}),
            "b/integer: 2;  error: no such table: nowhere; ");
}

TEST_F(QueryRunnerTest, ATransactionEndsWithItsQuery) {
  EXPECT_EQ(run({"BEGIN", "SELECT count(*) AS n FROM t"}), "; n/integer: 2");
  EXPECT_EQ(run({"SAVEPOINT s"}), "");
  EXPECT_EQ(run_query(query_of({"COMMIT", "BEGIN"}, true)), "; ");
}

TEST_F(QueryRunnerTest, NobodyIsMadeToTakeMoreRowsThanHeWants) {
  for (const bool transaction : {false, true}) {
    EXPECT_EQ(run_query(query_of({"SELECT a FROM t", "SELECT 7"}, transaction), 1), "a/integer: 1");
    // The statement that was left in the middle holds no old state of the database.
    ASSERT_TRUE(writer_->execute("DELETE FROM t WHERE a = 1").ok());
    EXPECT_EQ(run({"SELECT a FROM t"}), "a/integer: 2");
    ASSERT_TRUE(writer_->execute("INSERT INTO t VALUES(1, 'x')").ok());
  }
}

TEST_F(QueryRunnerTest, WhatBeginsTooLateDoesNotBegin) {
  deadline_ = clock_.now();
  EXPECT_EQ(run({"SELECT 1"}), "request: context deadline exceeded");
  EXPECT_EQ(run_short({"SELECT 1"}), "request: context deadline exceeded");
}

TEST_F(QueryRunnerTest, WhatTakesTooLongIsEnded) {
  const std::string numbers =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n "
      "WHERE i < 3 OR i % 10000 = 0";
  time_of_row_ = 4s;
  deadline_ = clock_.now() + 10s;
  EXPECT_EQ(run({numbers, "SELECT 1"}),
            "i/integer: 1, 2, 10000 error: query timeout;  error: query timeout");
  deadline_ = clock_.now() + 10s;
  EXPECT_EQ(run_query(query_of({numbers}, true)),
            "request: sql: transaction has already been committed or rolled back");
  // It is the request's time, and not that of each statement.
  deadline_ = clock_.now() + 7s;
  EXPECT_EQ(run({"SELECT 1 AS a", "SELECT 2 AS b", "SELECT 3 AS c"}),
            "a/integer: 1; b/integer: 2;  error: query timeout");
}

TEST_F(QueryRunnerTest, AStopEndsWhatRuns) {
  stopping_ = true;
  EXPECT_EQ(run({kEndless, "SELECT 1"}), "request: store not open");
  EXPECT_EQ(run_query(query_of({kEndless}, true)), "request: store not open");
  stopping_ = false;
  EXPECT_EQ(run({"SELECT a FROM t"}), "a/integer: 1, 2");
}

// Short reads.

TEST_F(QueryRunnerTest, AShortReadIsToldAsSuch) {
  EXPECT_EQ(run_short({"SELECT a FROM t", "SELECT b FROM t"}),
            "short a/integer: 1, 2; b/text: x, y");
  EXPECT_EQ(run_short_query(query_of({"SELECT a FROM t"}, true)), "short a/integer: 1, 2");
}

TEST_F(QueryRunnerTest, ManyStepsAreNotShort) {
  for (const bool transaction : {false, true}) {
    EXPECT_EQ(run_short_query(query_of({"SELECT a FROM t", kEndless}, transaction)), "long");
  }
}

TEST_F(QueryRunnerTest, MuchTimeIsNotShort) {
  // It has run by then, but is not tried the next time.
  time_of_row_ = 1ms;
  EXPECT_EQ(run_short({"SELECT 1 AS a"}), "short a/integer: 1");
  EXPECT_EQ(run_short({"SELECT 1 AS a"}), "long");
  time_of_row_ = 0ms;
  EXPECT_EQ(run_short({"SELECT 1 AS a"}), "long");
  // Between steps, it is ended.
  time_of_row_ = 3ms;
  EXPECT_EQ(run_short({"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200) "
                       "SELECT i FROM n WHERE i = 1"}),
            "long");
}

TEST_F(QueryRunnerTest, ManyBytesAreNotShort) {
  EXPECT_EQ(run_short({"SELECT hex(zeroblob(10000)) FROM t"}), "long");
  EXPECT_EQ(run_short({"SELECT hex(zeroblob(8000)) AS h FROM t WHERE a = 1"}),
            "short h/text: 00000000000000000000");
  // All of a request's statements count together.
  EXPECT_EQ(run_short({"SELECT hex(zeroblob(8000))", "SELECT hex(zeroblob(8000)), 1",
                       "SELECT hex(zeroblob(8000)), 2"}),
            "long");
}

// What keeps a read short shows in none of its values. SQLite's own bound on the size of values
// would: substr() counts backwards from it.
TEST_F(QueryRunnerTest, AShortReadHasTheValuesOfALongOne) {
  for (const char* sql :
       {"SELECT length(zeroblob(300000)) AS n", "SELECT substr('abc', -300000) AS s",
        "SELECT printf('%300000d', 1) IS NULL AS p"}) {
    EXPECT_EQ(run_short({sql}), "short " + run({sql})) << sql;
  }
}

TEST_F(QueryRunnerTest, ManyStatementsAreNotShort) {
  EXPECT_EQ(run_short(std::vector<std::string>(10, "SELECT 1 WHERE 0")).substr(0, 6), "short ");
  EXPECT_EQ(run_short(std::vector<std::string>(100, "SELECT 1 WHERE 0")), "long");
}

TEST_F(QueryRunnerTest, SeveralStatementsInATextAreNotShort) {
  EXPECT_EQ(run_short({"SELECT 1; SELECT 2"}), "long");
}

TEST_F(QueryRunnerTest, LongTextsAreNotShort) {
  EXPECT_EQ(run_short({"SELECT 1 /*" + std::string(20'000, 'x') + "*/"}), "long");
}

TEST_F(QueryRunnerTest, AnErrorIsShort) {
  EXPECT_EQ(run_short({"SELECT * FROM nowhere", "DELETE FROM t"}),
            "short  error: no such table: nowhere;  error: attempt to change database via query "
            "operation");
}

TEST_F(QueryRunnerTest, WhatWasLongIsNotTriedForAWhile) {
  const std::string sql =
      "SELECT hex(zeroblob(CASE a WHEN 1 THEN 40000 ELSE 1 END)) AS h FROM t "
      "WHERE a = :a";
  auto of = [&](std::int64_t a) {
    Query query;
    command::RequestBuilder builder(query.request, {});
    builder.begin_statement(sql);
    builder.add_value(sqlite::ValueView::of_integer(a));
    return query;
  };
  EXPECT_EQ(run_short_query(of(1)), "long");
  int tries = 0;
  while (run_short_query(of(2)) == "long") tries++;
  EXPECT_GT(tries, 10);
  // The longer it stays so, the longer it is left alone.
  EXPECT_EQ(run_short_query(of(1)), "long");
  for (int i = 0; i < tries; i++) EXPECT_EQ(run_short_query(of(1)), "long");
  EXPECT_EQ(run_short_query(of(1)), "long");
  int more = 0;
  while (run_short_query(of(2)) == "long") more++;
  EXPECT_GT(more, tries);
}

}  // namespace
}  // namespace rqlite::store
