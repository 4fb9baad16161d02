#include <gtest/gtest.h>

#include "store/machine_fixture.h"
#include "store/value_text.h"

// Unified requests on the writing connection: reads return their rows, and what does not compile
// ends no transaction.

namespace rqlite::store {
namespace {

// "error: …", "rows …" or "id … changed …".
std::string shown(const command::StatementResult& result) {
  if (!result.error.empty()) {
    return (result.rows ? "failed read: " : "error: ") + result.error;
  }
  if (!result.rows) {
    return "id " + std::to_string(result.last_insert_id) + " changed " +
           std::to_string(result.rows_affected);
  }
  std::string text = "rows";
  for (const std::string& name : result.rows->columns) text += " " + name;
  command::ValuesReader values(result.rows->values);
  for (std::uint64_t row = 0; row < result.rows->count; row++) {
    text += row == 0 ? ": " : ", ";
    for (std::size_t i = 0; i < result.rows->columns.size(); i++) {
      text += (i > 0 ? "|" : "") + text_of_value(values.next());
    }
  }
  return text;
}

using Texts = std::vector<std::string>;

class UnifiedTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }

  void reopen() {
    machine_.close();
    ASSERT_TRUE(machine_.open().ok());
    ASSERT_TRUE(
        machine_.apply({{{"CREATE TABLE IF NOT EXISTS t(a INTEGER PRIMARY KEY, b)"}}}).ok());
  }

  Texts run(const TestRequest& request) {
    const Status status = machine_.apply({request});
    if (!status.ok()) return {"trouble: " + status.text()};
    const command::RequestResult& result = machine_.results[0][0];
    if (!result.error.empty()) return {"request: " + result.error};
    Texts texts;
    for (const command::StatementResult& each : result.statements) texts.push_back(shown(each));
    return texts;
  }
  Texts run(const Texts& sql) { return run({.sql = sql, .unified = true}); }
  Texts run_atomic(const Texts& sql) {
    return run({.sql = sql, .transaction = true, .unified = true});
  }
  std::string count() { return run(Texts{"SELECT count(*) AS n FROM t"})[0]; }

  SimFileSystem files_;
  MachineOnDisk machine_{files_, {}};
};

constexpr const char* kInsert = "INSERT INTO t(b) VALUES('x')";
// Fails at its second row.
constexpr const char* kOverflow =
    "SELECT CASE column1 WHEN 2 THEN abs(-9223372036854775808) END FROM (VALUES(1), (2))";

TEST_F(UnifiedTest, ReadsSeeTheWritesBeforeThem) {
  EXPECT_EQ(run(Texts{kInsert, "SELECT * FROM t", kInsert, "SELECT count(*) AS n FROM t"}),
            (Texts{"id 1 changed 1", "rows a b: 1|x", "id 2 changed 1", "rows n: 2"}));
}

TEST_F(UnifiedTest, ReturningReturnsRows) {
  EXPECT_EQ(run(Texts{"INSERT INTO t(b) VALUES('x') RETURNING a, b"}), (Texts{"rows a b: 1|x"}));
}

TEST_F(UnifiedTest, WhatReadsAndWhatWrites) {
  EXPECT_EQ(run(Texts{"VALUES(1)", "WITH x(i) AS (SELECT 5) SELECT i FROM x", "PRAGMA user_version",
                      "-- nothing", "", "EXPLAIN QUERY PLAN SELECT 1 AS one FROM t WHERE a = 1"}),
            (Texts{"rows column1: 1", "rows i: 5", "rows user_version: 0", "rows",
                   "rows id parent notused detail: "
                   "2|0|0|SEARCH t USING INTEGER PRIMARY KEY (rowid=?)"}));
  EXPECT_EQ(run(Texts{kInsert, "CREATE TABLE u(a)", "PRAGMA user_version=7", "ANALYZE",
                      "UPDATE t SET b = 'y' WHERE a = 9", "DELETE FROM t"}),
            (Texts{"id 1 changed 1", "id 1 changed 1", "id 1 changed 1", "id 1 changed 1",
                   "id 1 changed 0", "id 1 changed 1"}));
}

TEST_F(UnifiedTest, ADropOfNothingIsAWriteAllTheSame) {
  for (const char* sql : {"DROP TRIGGER IF EXISTS x", "DROP TABLE IF EXISTS x",
                          "DROP INDEX IF EXISTS x", "DROP VIEW IF EXISTS x"}) {
    EXPECT_EQ(run(Texts{sql}), (Texts{"id 0 changed 0"})) << sql;
  }
}

TEST_F(UnifiedTest, ErrorsAreReportedInPlaceAndTheRestRuns) {
  EXPECT_EQ(run(Texts{"SELECT * FROM nowhere", kInsert, kOverflow, "INSERT INTO t VALUES(1, 1)",
                      "nonsense", kInsert}),
            (Texts{"error: no such table: nowhere", "id 1 changed 1",
                   "failed read: integer overflow", "error: UNIQUE constraint failed: t.a",
                   "error: near \"nonsense\": syntax error", "id 2 changed 1"}));
}

TEST_F(UnifiedTest, InATransactionWhatFailsToRunEndsIt) {
  const Texts failed = {"id 1 changed 1", "error: UNIQUE constraint failed: t.a"};
  EXPECT_EQ(run_atomic({kInsert, "INSERT INTO t VALUES(1, 1)", kInsert}), failed);
  EXPECT_EQ(count(), "rows n: 0");
  EXPECT_EQ(run_atomic({kInsert, kOverflow, kInsert}),
            (Texts{"id 1 changed 1", "failed read: integer overflow"}));
  EXPECT_EQ(
      run_atomic({kInsert, "SELECT ?", kInsert}),
      (Texts{"id 1 changed 1", "failed read: not enough args to execute query: want 1 got 0"}));
  EXPECT_EQ(count(), "rows n: 0");
}

TEST_F(UnifiedTest, InATransactionWhatDoesNotCompileIsOnlyAnError) {
  EXPECT_EQ(run_atomic({kInsert, "INSERT INTO nowhere VALUES(1)", "nonsense", kInsert}),
            (Texts{"id 1 changed 1", "error: no such table: nowhere",
                   "error: near \"nonsense\": syntax error", "id 2 changed 1"}));
  EXPECT_EQ(count(), "rows n: 2");
}

// What was prepared while its table was there finds out late that it is gone. A node that started
// in between has nothing prepared, and must come to the same.
TEST_F(UnifiedTest, WhatDoesNotCompileAnyMoreIsNoDifferentFromWhatNeverDid) {
  const Texts statements = {"INSERT INTO u VALUES(1)", "SELECT * FROM u",
                            "INSERT INTO u VALUES(?)"};
  const std::string error = "error: no such table: u";
  for (const bool restarted : {false, true}) {
    run(Texts{"DELETE FROM t", "CREATE TABLE u(a)"});
    run(statements);
    run(Texts{"DROP TABLE u"});
    if (restarted) {
      ASSERT_TRUE(machine_.snapshot().ok());
      reopen();
    }
    EXPECT_EQ(run(statements), (Texts{error, error, error})) << restarted;
    EXPECT_EQ(run_atomic({statements[0], statements[1], statements[2], kInsert}).size(), 4u);
    EXPECT_EQ(count(), "rows n: 1");
  }
}

TEST_F(UnifiedTest, WhatEndsTheTransactionFailedToRun) {
  const Texts sql = {"CREATE TABLE u(a UNIQUE)", "INSERT INTO u VALUES(1)",
                     "INSERT OR ROLLBACK INTO u VALUES(1)", kInsert};
  for (int i = 0; i < 2; i++) {
    EXPECT_EQ(run_atomic(sql).back(), "error: UNIQUE constraint failed: u.a");
    EXPECT_EQ(count(), "rows n: 0");
  }
}

TEST_F(UnifiedTest, SeveralStatementsInATextAreOfTheFirstOnesKind) {
  EXPECT_EQ(run(Texts{"SELECT 1 AS a; SELECT 2 AS b", "INSERT INTO t(b) VALUES(1); SELECT 2",
                      "SELECT 1; -- nothing"}),
            (Texts{"rows b: 2", "id 1 changed 1", "rows"}));
}

TEST_F(UnifiedTest, AReadCannotHideAWrite) {
  for (const char* sql : {"SELECT 1; INSERT INTO t(b) VALUES(1)", "SELECT 1; VACUUM",
                          "SELECT 1; VACUUM INTO '/f'", "SELECT 1; DROP TABLE t"}) {
    EXPECT_EQ(run(Texts{sql}),
              (Texts{"failed read: attempt to change database via query operation"}))
        << sql;
  }
  EXPECT_EQ(count(), "rows n: 0");
}

TEST_F(UnifiedTest, ATransactionOfTheClientsOwnEndsWithTheRequest) {
  EXPECT_EQ(run(Texts{"BEGIN", kInsert, "COMMIT", "SELECT count(*) AS n FROM t"}),
            (Texts{"rows", "id 1 changed 1", "rows", "rows n: 1"}));
  EXPECT_EQ(run(Texts{"BEGIN", kInsert})[0].substr(0, 50),
            "request: the request left a transaction open, whic");
  EXPECT_EQ(count(), "rows n: 1");
}

TEST_F(UnifiedTest, ASettingOfTheConnectionIsARead) {
  EXPECT_EQ(run(Texts{"PRAGMA foreign_keys=1", "PRAGMA foreign_keys"}),
            (Texts{"rows", "rows foreign_keys: 1"}));
}

TEST_F(UnifiedTest, WhatWasTooSlowIsNotRun) {
  EXPECT_EQ(run(TestRequest{.sql = {"SELECT 1", "INSERT INTO t(b) VALUES(1) RETURNING a"},
                            .runs_max = 0}),
            (Texts{"error: execute timeout", "error: query timeout"}));
  EXPECT_EQ(run({.sql = {kInsert, "SELECT 1", "", kInsert}, .unified = true, .runs_max = 1}),
            (Texts{"id 1 changed 1", "failed read: query timeout", "error: execute timeout"}));
  EXPECT_EQ(run({.sql = {kInsert, "SELECT 1", kInsert},
                 .transaction = true,
                 .unified = true,
                 .runs_max = 1}),
            (Texts{"id 2 changed 1", "failed read: query timeout"}));
  EXPECT_EQ(count(), "rows n: 1");
}

// Of one client's statement nothing may ever stop a node, for it would stop all of them, and
// again at each start.
TEST_F(UnifiedTest, AVacuumIntoAFileThatCannotBeIsTheStatementsError) {
  run(Texts{kInsert, kInsert});
  EXPECT_EQ(run(TestRequest{.sql = {"VACUUM INTO '/data/db.sqlite'"}})[0],
            "error: output file already exists");
  EXPECT_EQ(run(TestRequest{.sql = {"VACUUM INTO 7"}})[0], "error: non-text filename");
  EXPECT_EQ(machine_.writer().state().counters.last_insert_rowid, 2);
}

TEST_F(UnifiedTest, VacuumLeavesTheLastRowidAlone) {
  run(Texts{"CREATE TABLE u(a); INSERT INTO u VALUES(1), (2), (3)", kInsert, "VACUUM"});
  EXPECT_EQ(run(Texts{"SELECT last_insert_rowid() AS id"}), (Texts{"rows id: 1"}));
}

}  // namespace
}  // namespace rqlite::store
