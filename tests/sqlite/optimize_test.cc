#include "sqlite/optimize.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "sqlite/entry_vfs.h"
#include "sqlite/sql_writer.h"

namespace rqlite::sqlite {
namespace {

using Statements = std::vector<std::string>;

class OptimizeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "optimize-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    auto writer = Connection::open_writer(folder_ + "/db", vfs_, false);
    ASSERT_TRUE(writer.ok());
    writer_ = std::move(*writer);
  }
  void TearDown() override {
    writer_.reset();
    std::filesystem::remove_all(folder_);
  }

  void run(std::string_view sql) {
    const Error error = writer_->execute(sql);
    ASSERT_TRUE(error.ok()) << error.text;
  }
  // A table of an indexed column, with so many rows.
  void make_table(const std::string& name, int rows) {
    const std::string quoted = quoted_name(name);
    run("CREATE TABLE " + quoted + "(\"a column\", b); CREATE INDEX " +
        quoted_name("index of " + name) + " ON " + quoted + "(\"a column\")");
    grow(name, rows);
  }
  void grow(const std::string& name, int rows) {
    run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT " +
        std::to_string(rows) + ") INSERT INTO " + quoted_name(name) + " SELECT i, i FROM n");
  }
  // What it finds, in order: a connection that has planned nothing, if it may be one that reads.
  Statements wanted() {
    auto reader = Connection::open_reader(folder_ + "/db", false);
    EXPECT_TRUE(reader.ok());
    Connection& asked = asking_takes_a_writer() ? *writer_ : **reader;
    Result<Statements> statements = wanted_analyses(asked);
    EXPECT_TRUE(statements.ok()) << statements.status().text();
    EXPECT_FALSE(asked.session_changed());
    std::sort(statements->begin(), statements->end());
    return *statements;
  }
  std::string statistics() {
    std::string_view sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'";
    Error error;
    Statement statement = writer_->prepare(sql, false, error);
    EXPECT_EQ(statement.step(error), Statement::Step::kRow);
    return std::to_string(statement.column(0).integer);
  }

  std::string folder_;
  EntryVfs vfs_;
  std::unique_ptr<Connection> writer_;
};

TEST_F(OptimizeTest, AnEmptyDatabaseWantsNothing) { EXPECT_EQ(wanted(), Statements()); }

TEST_F(OptimizeTest, TablesThatWereNeverAnalysedWantIt) {
  make_table("t", 1000);
  make_table("odd \" name", 0);
  run("DROP TABLE IF EXISTS gone");
  make_table("u", 1000);
  const Statements found = wanted();
  EXPECT_NE(std::find(found.begin(), found.end(), "ANALYZE \"main\".\"t\""), found.end());
  EXPECT_NE(std::find(found.begin(), found.end(), "ANALYZE \"main\".\"u\""), found.end());
}

TEST_F(OptimizeTest, AskingChangesNothing) {
  make_table("t", 1000);
  EXPECT_EQ(wanted().size(), 1u);
  EXPECT_EQ(statistics(), "0");
  EXPECT_EQ(wanted().size(), 1u);
}

TEST_F(OptimizeTest, WhatItNamesCanBeRunAndIsEnough) {
  make_table("t", 1000);
  make_table("it's \"odd\"", 10);
  for (const std::string& statement : wanted()) run(statement);
  EXPECT_EQ(statistics(), "1");
  EXPECT_EQ(wanted(), Statements());
}

TEST_F(OptimizeTest, ATableThatHasGrownMuchWantsItAgain) {
  make_table("t", 100);
  make_table("u", 100);
  run("ANALYZE");
  EXPECT_EQ(wanted(), Statements());
  grow("t", 20'000);
  EXPECT_EQ(wanted(), Statements{"ANALYZE \"main\".\"t\""});
}

TEST_F(OptimizeTest, AnIndexThatIsNewWantsIt) {
  make_table("t", 1000);
  run("ANALYZE; CREATE INDEX second ON t(b)");
  EXPECT_EQ(wanted(), Statements{"ANALYZE \"main\".\"t\""});
}

TEST_F(OptimizeTest, VirtualTablesAndViewsDoNotDisturb) {
  run("CREATE VIRTUAL TABLE f USING fts5(x); CREATE VIEW v AS SELECT * FROM f");
  make_table("t", 1000);
  const Statements found = wanted();
  EXPECT_NE(std::find(found.begin(), found.end(), "ANALYZE \"main\".\"t\""), found.end());
  for (const std::string& statement : found) run(statement);
}

}  // namespace
}  // namespace rqlite::sqlite
