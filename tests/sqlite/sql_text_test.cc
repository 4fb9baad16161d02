#include "sqlite/sql_text.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <array>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"

namespace rqlite::sqlite {
namespace {

using namespace std::string_literals;

Keyword first_word(std::string_view sql) { return shape_of(sql).first; }
bool is_single(std::string_view sql) { return shape_of(sql).single; }
bool groupable(std::string_view sql) { return is_groupable(shape_of(sql)); }

TEST(ShapeTest, TellsWhatAStatementBeginsWith) {
  EXPECT_EQ(first_word("BEGIN IMMEDIATE"), Keyword::kBegin);
  EXPECT_EQ(first_word("commit"), Keyword::kCommit);
  EXPECT_EQ(first_word("End Transaction"), Keyword::kCommit);
  EXPECT_EQ(first_word("ROLLBACK TO a"), Keyword::kRollback);
  EXPECT_EQ(first_word("savepoint a"), Keyword::kSavepoint);
  EXPECT_EQ(first_word("RELEASE a"), Keyword::kRelease);
  EXPECT_EQ(first_word("PRAGMA user_version"), Keyword::kPragma);
  EXPECT_EQ(first_word("ATTACH 'x' AS y"), Keyword::kAttach);
  EXPECT_EQ(first_word("detach y"), Keyword::kDetach);
  EXPECT_EQ(first_word("VACUUM"), Keyword::kVacuum);
  EXPECT_EQ(first_word("EXPLAIN QUERY PLAN SELECT 1"), Keyword::kExplain);
  EXPECT_EQ(first_word("SELECT 1"), Keyword::kOther);
}

TEST(ShapeTest, LooksBehindBlanksAndCommentsAndEmptyStatements) {
  for (const char* before : {"", " ", "\t\r\n\f", "-- note\n", "/* BEGIN; */", "/**/", " \v",
                             "--\n--\n/* a */ ", "\xef\xbb\xbf", ";", " ;; ", ";-- a\n;"}) {
    EXPECT_EQ(first_word(before + "COMMIT"s), Keyword::kCommit) << before;
    EXPECT_TRUE(is_single(before + "COMMIT;"s)) << before;
  }
}

TEST(ShapeTest, AWordHasToEndToBeOne) {
  for (const char* text : {"COMMITTED", "COMMIT_", "\"COMMIT\"", "[COMMIT]", "`COMMIT`", "COMMIT$",
                           "COMMIT\u00e9", "x.COMMIT", "(COMMIT)"}) {
    EXPECT_EQ(first_word(text), Keyword::kOther) << text;
  }
  for (const char* text : {"COMMIT;", "COMMIT--", "COMMIT/**/", "COMMIT\n"}) {
    EXPECT_EQ(first_word(text), Keyword::kCommit) << text;
  }
}

TEST(ShapeTest, AnEmptyTextIsAnEmptyStatement) {
  for (const char* text :
       {"", " ", "-- BEGIN", "/* BEGIN", "\n/**/\n", "/*/", ";", " ; ", ";;", "; -- a"}) {
    EXPECT_EQ(first_word(text), Keyword::kNone) << text;
    EXPECT_TRUE(is_single(text)) << text;
  }
}

TEST(ShapeTest, OneStatementMayEndInASemicolonAndWhiteSpace) {
  for (const char* text : {"SELECT 1", "SELECT 1;", "SELECT 1 ; \n", "SELECT 1 -- note",
                           "SELECT 1 /* a; b */", "SELECT 1 /* unterminated;"}) {
    EXPECT_TRUE(is_single(text)) << text;
  }
}

TEST(ShapeTest, WhateverStandsBehindTheSemicolonMakesItSeveral) {
  for (const char* text :
       {"SELECT 1; SELECT 2", "SELECT 1;;", ";SELECT 1;;", "SELECT 1; -- note", "SELECT 1;/**/"}) {
    EXPECT_FALSE(is_single(text)) << text;
  }
}

TEST(ShapeTest, SemicolonsInStringsAndNamesDoNotSeparate) {
  for (const char* text :
       {"SELECT ';'", "SELECT 'it''s; fine'", "SELECT \"a;b\"", "SELECT \"a\"\";\"", "SELECT `a;b`",
        "SELECT [a;b]", "SELECT [a'b;]", "SELECT x';'", "SELECT 'unterminated;",
        "SELECT [unterminated;", "SELECT '/*;*/'", "SELECT $a(;)"}) {
    EXPECT_TRUE(is_single(text)) << text;
  }
  EXPECT_TRUE(is_single("SELECT '''; SELECT 2"));
  EXPECT_FALSE(is_single("SELECT ''; SELECT 2"));
}

TEST(ShapeTest, QuotesInsideOtherThingsDoNotQuote) {
  // Each of these would hide the COMMIT from one who takes the quote for one.
  for (const char* text :
       {"SELECT 1 -- it's\n; COMMIT", "SELECT 1 /* it's */; COMMIT", "SELECT \"'\"; COMMIT",
        "SELECT [']; COMMIT", "SELECT `'`; COMMIT", "SELECT '--'; COMMIT", "SELECT '/*'; COMMIT",
        "INSERT INTO t VALUES($a(')); COMMIT; --'", "SELECT @a::b('); COMMIT; --'",
        "SELECT :a(\"); COMMIT; --\""}) {
    EXPECT_FALSE(is_single(text)) << text;
  }
}

TEST(ShapeTest, TriggersWithABodyMayCountAsSeveral) {
  EXPECT_FALSE(is_single("CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END"));
  EXPECT_FALSE(groupable("CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END"));
}

TEST(ShapeTest, TheTextEndsAtANul) {
  EXPECT_TRUE(groupable("SELECT 1\0; COMMIT"s));
  EXPECT_EQ(first_word("\0COMMIT"s), Keyword::kNone);
  EXPECT_EQ(first_word("SELECT\0"s), Keyword::kOther);
}

TEST(GroupableTest, OnlySingleStatementsThatLeaveTransactionsAlone) {
  for (const char* text : {"INSERT INTO t VALUES(1)", "SELECT 1;", "", "CREATE TABLE t(x)",
                           "WITH a AS (SELECT 1) SELECT * FROM a", "REINDEX", "ANALYZE"}) {
    EXPECT_TRUE(groupable(text)) << text;
  }
  for (const char* text :
       {"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT a", "RELEASE a", "PRAGMA foreign_keys=ON",
        "ATTACH 'x' AS y", "DETACH y", "VACUUM", "EXPLAIN PRAGMA foreign_keys=ON",
        "INSERT INTO t VALUES(1); SELECT 1", " \vCOMMIT",
        "\xef\xbb\xbf"
        "COMMIT"}) {
    EXPECT_FALSE(groupable(text)) << text;
  }
}

std::string refusal(std::string_view sql) { return std::string(forbidden(sql).value_or("")); }

TEST(ForbiddenTest, PragmasThatBelongToTheServer) {
  for (const char* text :
       {"PRAGMA journal_mode=DELETE", "pragma JOURNAL_MODE = wal", "PRAGMA journal_mode(off)",
        "PRAGMA main.journal_mode=OFF", "PRAGMA \"main\".[journal_mode]=OFF",
        "PRAGMA 'journal_mode'=OFF", "PRAGMA `journal_mode`=OFF", "PRAGMA synchronous=FULL",
        "PRAGMA query_only=0", "PRAGMA wal_autocheckpoint=1", "PRAGMA wal_checkpoint",
        "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA main.wal_checkpoint;",
        "/* a */ PRAGMA -- b\n journal_mode /* c */ = OFF", "PRAGMA locking_mode=EXCLUSIVE",
        "PRAGMA writable_schema=1", "\t\n PRAGMA main . journal_mode = OFF",
        " \vPRAGMA query_only=0", "\xef\xbb\xbfPRAGMA query_only=0"}) {
    EXPECT_EQ(refusal(text), "disallowed pragma") << text;
  }
}

TEST(ForbiddenTest, OtherPragmasAndReadingThemAreNobodysBusiness) {
  for (const char* text :
       {"PRAGMA journal_mode", "PRAGMA main.synchronous", "PRAGMA query_only;",
        "PRAGMA wal_autocheckpoint", "PRAGMA foreign_keys=ON", "PRAGMA user_version=7",
        "PRAGMA table_info(journal_mode)", "SELECT 'PRAGMA journal_mode=OFF'",
        "-- PRAGMA journal_mode=OFF", "INSERT INTO pragma VALUES('journal_mode=OFF')", "", "PRAGMA",
        "SELECT * FROM attach"}) {
    EXPECT_EQ(refusal(text), "") << text;
  }
}

TEST(ForbiddenTest, FilesToBeAttached) {
  EXPECT_EQ(refusal("ATTACH DATABASE '/etc/x' AS x"), "disallowed attach");
  EXPECT_EQ(refusal("detach x"), "disallowed attach");
}

TEST(ForbiddenTest, LaterStatementsAreSeenToo) {
  EXPECT_EQ(refusal("SELECT 1; PRAGMA journal_mode=OFF"), "disallowed pragma");
  EXPECT_EQ(refusal("SELECT ';'; -- x\n ATTACH 'a' AS b"), "disallowed attach");
  EXPECT_EQ(refusal(";PRAGMA journal_mode=OFF"), "disallowed pragma");
  EXPECT_EQ(refusal("SELECT 1;;;PRAGMA journal_mode=OFF"), "disallowed pragma");
  EXPECT_EQ(refusal("INSERT INTO t VALUES($a(')); PRAGMA query_only=0; --'"), "disallowed pragma");
  EXPECT_EQ(refusal("SELECT 'a; PRAGMA journal_mode=OFF'"), "");
}

TEST(ForbiddenTest, ExplainingAPragmaRunsIt) {
  EXPECT_EQ(refusal("EXPLAIN PRAGMA journal_mode=OFF"), "disallowed pragma");
  EXPECT_EQ(refusal("explain query plan pragma main.journal_mode=off"), "disallowed pragma");
  EXPECT_EQ(refusal("EXPLAIN ATTACH 'x' AS y"), "disallowed attach");
}

// What SQLite itself finds in a text: its statements up to the first that it cannot compile.
class Truth {
 public:
  explicit Truth(const std::string& sql) {
    EXPECT_EQ(sqlite3_open(":memory:", &database_), SQLITE_OK);
    sqlite3_exec(database_, "CREATE TABLE t(a, b)", nullptr, nullptr, nullptr);
    sqlite3_set_authorizer(database_, &Truth::on_action, this);
    const char* rest = sql.data();
    const char* end = sql.data() + sql.size();
    while (rest < end) {
      sqlite3_stmt* statement = nullptr;
      const char* tail = nullptr;
      const int code =
          sqlite3_prepare_v2(database_, rest, static_cast<int>(end - rest), &statement, &tail);
      if (code != SQLITE_OK) {
        compiles_ = false;
        break;
      }
      if (statement != nullptr) statements_++;
      sqlite3_finalize(statement);
      if (tail == rest) break;
      rest = tail;
    }
  }
  ~Truth() { sqlite3_close(database_); }
  Truth(const Truth&) = delete;

  int statements_ = 0;  // that are not empty
  bool compiles_ = true;
  bool controls_ = false;   // transactions, settings or files
  bool forbidden_ = false;  // something the server keeps to itself

 private:
  static int on_action(void* self, int action, const char* first, const char* second, const char*,
                       const char*) {
    auto* truth = static_cast<Truth*>(self);
    switch (action) {
      case SQLITE_TRANSACTION:
      case SQLITE_SAVEPOINT:
        truth->controls_ = true;
        break;
      case SQLITE_ATTACH:
      case SQLITE_DETACH:
        truth->controls_ = truth->forbidden_ = true;
        return SQLITE_DENY;
      case SQLITE_PRAGMA:
        truth->controls_ = true;
        if (is_forbidden_pragma(first, second != nullptr)) truth->forbidden_ = true;
        return SQLITE_DENY;
      default:
        break;
    }
    return SQLITE_OK;
  }

  sqlite3* database_ = nullptr;
};

std::string random_sql(Random& random) {
  static const std::array<const char*, 58> kTokens{
      "SELECT 1",
      "SELECT 1",
      "INSERT INTO t VALUES(",
      "1",
      "'a'",
      ")",
      "(",
      ",",
      "COMMIT",
      "BEGIN",
      "ROLLBACK",
      "SAVEPOINT s",
      "RELEASE s",
      "END",
      "EXPLAIN",
      "EXPLAIN QUERY PLAN",
      "PRAGMA journal_mode=OFF",
      "PRAGMA main.synchronous(1)",
      "PRAGMA wal_checkpoint",
      "PRAGMA user_version",
      "ATTACH 'x' AS y",
      "VACUUM",
      ";",
      ";",
      ";",
      ";",
      ";",
      "'",
      "''",
      "\"",
      "`",
      "[",
      "]",
      "--",
      "/*",
      "*/",
      "\n",
      " ",
      " ",
      "\v",
      "\f",
      "\t",
      "\xef\xbb\xbf",
      "$a",
      "$a(",
      "@b::c(",
      ":d",
      "?1",
      "#",
      "x'",
      "x'41'",
      "AS",
      "\"q;\"",
      "'it''s;'",
      "-",
      "/",
      "SELECT $a('",
      "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END"};
  std::string sql;
  const std::uint64_t length = 1 + random.below(9);
  for (std::uint64_t i = 0; i < length; i++) {
    sql += kTokens[random.below(kTokens.size())];
    if (random.chance(0.4)) sql += ' ';
  }
  return sql;
}

TEST(ShapeRandomTest, NeverContradictsSqlite) {
  int compiled = 0;
  for (std::uint64_t seed = 1; seed <= 20000; seed++) {
    Random random(seed);
    const std::string sql = random_sql(random);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + sql);
    const Truth truth(sql);
    if (truth.compiles_) compiled++;
    const SqlShape shape = shape_of(sql);
    if (shape.single) {
      EXPECT_LE(truth.statements_, 1);
    }
    if (is_groupable(shape)) {
      EXPECT_FALSE(truth.controls_);
    }
    if (truth.forbidden_) {
      EXPECT_TRUE(forbidden(sql).has_value());
    }
    if (shape.first == Keyword::kNone && shape.single) {
      EXPECT_EQ(truth.statements_, 0);
    }
    if (HasFailure()) break;
  }
  EXPECT_GT(compiled, 1500) << "too many texts that say nothing";
}

}  // namespace
}  // namespace rqlite::sqlite
