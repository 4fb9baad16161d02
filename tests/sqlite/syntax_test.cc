#include "sqlite/syntax.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "sqlite/entry_vfs.h"

namespace rqlite::sqlite {
namespace {

class SyntaxTest : public ::testing::Test {
 protected:
  SyntaxTest() {
    std::string pattern = ::testing::TempDir() + "syntax-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    auto writer = Connection::open_writer(folder_ / "db", vfs_, false);
    EXPECT_TRUE(writer.ok()) << writer.status().text();
    EXPECT_TRUE((*writer)->execute("CREATE TABLE t(n, v); CREATE VIEW w AS SELECT 1").ok());
    auto reader = Connection::open_reader(folder_ / "db", false);
    EXPECT_TRUE(reader.ok()) << reader.status().text();
    reader_ = std::move(*reader);
  }
  ~SyntaxTest() override {
    reader_.reset();
    std::filesystem::remove_all(folder_);
  }

  // "fine" or what is wrong.
  std::string judge(std::string_view sql) { return syntax_error(*reader_, sql).value_or("fine"); }

  std::filesystem::path folder_;
  EntryVfs vfs_;
  std::unique_ptr<Connection> reader_;
};

TEST_F(SyntaxTest, WhatSqliteCanReadIsFine) {
  for (const char* sql :
       {"SELECT 1", "INSERT INTO t VALUES(randomblob(2), datetime('now'));", "SELECT * FROM t",
        "SELECT 1; SELECT 2 -- and so on", "CREATE TABLE u(n) STRICT", "VACUUM",
        "BEGIN; INSERT INTO t VALUES(1, 2); COMMIT", "ATTACH 'x' AS y", "PRAGMA journal_mode=WAL",
        "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END", "EXPLAIN SELECT 1",
        "DELETE FROM t RETURNING *", "SELECT ?1, :a, @b, $c"}) {
    EXPECT_EQ(judge(sql), "fine") << sql;
  }
}

TEST_F(SyntaxTest, WhatOnlyTheDatabaseCanTellIsFine) {
  for (const char* sql : {"SELECT * FROM ghosts", "SELECT x FROM t", "INSERT INTO t VALUES(1)",
                          "CREATE TABLE t(n)", "DROP TABLE w", "SELECT mystery(1)",
                          "SELECT 1 UNION SELECT 1, 2", "CREATE TABLE u(a, a)"}) {
    EXPECT_EQ(judge(sql), "fine") << sql;
  }
}

TEST_F(SyntaxTest, WhatSqliteCannotReadIsNamed) {
  EXPECT_EQ(judge("SLECT 1"), "near \"SLECT\": syntax error");
  EXPECT_EQ(judge("SELECT"), "incomplete input");
  EXPECT_EQ(judge("SELECT 'a"), "unrecognized token: \"'a\"");
  EXPECT_EQ(judge("SELECT * FROM t WHERE"), "incomplete input");
  EXPECT_EQ(judge("INSERT INTO ghosts VALUES(1) bogus"), "near \"bogus\": syntax error");
  EXPECT_EQ(judge("CREATE TRIGGER r AFTER INSERT ON t BEGIN SLECT 1; END"),
            "near \"SLECT\": syntax error");
  EXPECT_EQ(judge("PRAGMA foreign_keys 1"), "near \"1\": syntax error");
}

TEST_F(SyntaxTest, EveryStatementOfATextIsRead) {
  EXPECT_EQ(judge("SELECT 1; SLECT 2"), "near \"SLECT\": syntax error");
  EXPECT_EQ(judge("SELECT * FROM ghosts; SLECT 2"), "near \"SLECT\": syntax error");
  EXPECT_EQ(judge("CREATE TABLE u(n); SELECT n FROM u"), "fine");
  EXPECT_EQ(judge("-- a\n;; SELECT 1"), "fine");
}

TEST_F(SyntaxTest, ATextWithoutAStatementEndsTooSoon) {
  for (const char* sql : {"", "  \n", "-- nothing", "/* nothing */", ";", ";;"}) {
    EXPECT_EQ(judge(sql), "EOF") << sql;
  }
  EXPECT_EQ(judge(std::string_view("\0SELECT", 7)), "EOF");
  EXPECT_EQ(judge(std::string_view("SELECT 1\0SLECT", 14)), "fine");
}

TEST_F(SyntaxTest, NothingRunsNotEvenWhatRunsWhenItIsPrepared) {
  EXPECT_EQ(judge("PRAGMA case_sensitive_like=1"), "fine");
  EXPECT_EQ(judge("PRAGMA foreign_keys=ON; PRAGMA writable_schema=ON"), "fine");
  EXPECT_FALSE(reader_->foreign_keys());
  EXPECT_FALSE(reader_->session_changed());
  Error error;
  std::string_view sql = "SELECT 'A' LIKE 'a'";
  Statement statement = reader_->prepare(sql, false, error);
  ASSERT_EQ(statement.step(error), Statement::Step::kRow) << error.text;
  EXPECT_EQ(statement.column(0).integer, 1);
}

TEST_F(SyntaxTest, StatementsAreRefusedAgainAfterwards) {
  EXPECT_EQ(judge("ATTACH 'x' AS y"), "fine");
  Error error;
  std::string_view sql = "ATTACH 'x' AS y";
  EXPECT_FALSE(reader_->prepare(sql, false, error).has_value());
  EXPECT_FALSE(error.ok());
}

}  // namespace
}  // namespace rqlite::sqlite
