#include "sqlite/statement.h"

#include <gtest/gtest.h>

#include "sqlite/connection.h"
#include "sqlite/entry_vfs.h"
#include "sqlite/statement_cache.h"

namespace rqlite::sqlite {
namespace {

class StatementTest : public ::testing::Test {
 protected:
  StatementTest() {
    auto opened = Connection::open_writer(":memory:", vfs_, false);
    EXPECT_TRUE(opened.ok());
    connection_ = std::move(*opened);
    EXPECT_TRUE(
        connection_->execute("CREATE TABLE t(id INTEGER PRIMARY KEY, Body varchar(36))").ok());
  }

  Statement prepare(std::string_view sql) {
    Statement statement = connection_->prepare(sql, false, error_);
    EXPECT_TRUE(error_.ok()) << error_.text;
    return statement;
  }

  // The value that comes back for the one that went in.
  ValueView there_and_back(const ValueView& value) {
    echo_ = prepare("SELECT ?1");
    EXPECT_TRUE(echo_.bind(1, value).ok());
    EXPECT_EQ(echo_.step(error_), Statement::Step::kRow);
    return echo_.column(0);
  }

  EntryVfs vfs_;
  std::unique_ptr<Connection> connection_;
  Error error_;
  Statement echo_;
};

TEST_F(StatementTest, ValuesComeBackAsTheyWentIn) {
  EXPECT_EQ(there_and_back(ValueView::null()).type, ValueType::kNull);
  const ValueView integer = there_and_back(ValueView::of_integer(INT64_MIN));
  EXPECT_EQ(integer.type, ValueType::kInteger);
  EXPECT_EQ(integer.integer, INT64_MIN);
  const ValueView real = there_and_back(ValueView::of_real(-0.5));
  EXPECT_EQ(real.type, ValueType::kReal);
  EXPECT_EQ(real.real, -0.5);
  for (const BytesView bytes : {BytesView("a\0b", 3), BytesView(""), BytesView()}) {
    const ValueView text = there_and_back(ValueView::of_text(bytes));
    EXPECT_EQ(text.type, ValueType::kText);
    EXPECT_EQ(text.bytes, bytes);
    const ValueView blob = there_and_back(ValueView::of_blob(bytes));
    EXPECT_EQ(blob.type, ValueType::kBlob);
    EXPECT_EQ(blob.bytes, bytes);
  }
}

// A text of many statements is looked at piece by piece, which must not show, wherever the pieces
// end.
TEST_F(StatementTest, StatementsOfALongTextAreThoseThatSqliteFinds) {
  for (const std::size_t length : {100u, 16u << 10, 20u << 10, 128u << 10, 200u << 10}) {
    for (std::size_t less = 0; less < 60; less++) {
      SCOPED_TRACE(std::to_string(length) + " less " + std::to_string(less));
      // Each is right, or wrong, only as a whole.
      const std::string filling(length - less, 'x');
      const std::string text = "SELECT '" + filling + "' || 12 /* ; */; SELECT 34 -- " + filling +
                               "\n+ 1; CREATE TRIGGER IF NOT EXISTS r AFTER INSERT ON t BEGIN " +
                               "SELECT '" + filling + "'; SELECT 1; END; SELECT 5; /*" + filling;
      std::string_view rest = text;
      std::vector<std::string> found;
      while (!rest.empty()) {
        const std::string_view before = rest;
        const Statement statement = connection_->prepare(rest, false, error_);
        ASSERT_TRUE(error_.ok()) << error_.text;
        if (statement.has_value()) {
          found.emplace_back(before.substr(0, before.size() - rest.size()));
        }
      }
      ASSERT_EQ(found.size(), 4u);
      EXPECT_TRUE(found[0].ends_with("|| 12 /* ; */;"));
      EXPECT_TRUE(found[1].ends_with("\n+ 1;"));
      EXPECT_TRUE(found[2].ends_with("END;"));
      EXPECT_EQ(found[3], " SELECT 5;");
    }
  }
}

TEST_F(StatementTest, WhatIsWrongWithALongStatementIsSaid) {
  const std::string text = "SELECT '" + std::string(100 << 10, 'x') + "' FROM nosuch; SELECT 1";
  std::string_view rest = text;
  EXPECT_FALSE(connection_->prepare(rest, false, error_).has_value());
  EXPECT_EQ(error_.text, "no such table: nosuch");
}

TEST_F(StatementTest, KnowsItsParameters) {
  const Statement statement = prepare("SELECT ?, :a, @b, $c, ?7, :a");
  EXPECT_EQ(statement.parameter_count(), 7);
  EXPECT_EQ(statement.parameter_name(1), "");
  EXPECT_EQ(statement.parameter_name(2), ":a");
  EXPECT_EQ(statement.parameter_name(3), "@b");
  EXPECT_EQ(statement.parameter_name(4), "$c");
  EXPECT_EQ(statement.parameter_name(5), "");
  EXPECT_EQ(statement.parameter_name(7), "?7");
}

TEST_F(StatementTest, TellsReadsFromWrites) {
  EXPECT_TRUE(prepare("SELECT * FROM t").is_read_only());
  EXPECT_FALSE(prepare("DELETE FROM t").is_read_only());
}

TEST_F(StatementTest, DescribesItsColumns) {
  ASSERT_TRUE(connection_->execute("INSERT INTO t VALUES(1, 'x')").ok());
  Statement statement = prepare("SELECT a.Body, a.id AS n, id + 1, (SELECT id FROM t) FROM t a");
  ASSERT_EQ(statement.step(error_), Statement::Step::kRow);
  ASSERT_EQ(statement.column_count(), 4);
  EXPECT_EQ(statement.column_name(0), "Body");
  EXPECT_EQ(statement.qualified_column_name(0), "t.Body");
  EXPECT_EQ(statement.declared_type(0), "varchar(36)");
  EXPECT_EQ(statement.qualified_column_name(1), "t.n");
  EXPECT_EQ(statement.qualified_column_name(2), "id + 1");
  EXPECT_EQ(statement.declared_type(2), "");
  EXPECT_EQ(statement.qualified_column_name(3), "t.(SELECT id FROM t)");
}

TEST_F(StatementTest, SeesAChangedSchemaAfterTheFirstStep) {
  ASSERT_TRUE(connection_->execute("INSERT INTO t VALUES(1, 'x')").ok());
  Statement statement = prepare("SELECT * FROM t");
  ASSERT_TRUE(connection_->execute("ALTER TABLE t ADD COLUMN added").ok());
  ASSERT_EQ(statement.step(error_), Statement::Step::kRow);
  EXPECT_EQ(statement.column_count(), 3);
  EXPECT_EQ(statement.column_name(2), "added");
}

TEST_F(StatementTest, RunsAgainAfterAnErrorAndAReset) {
  Statement statement = prepare("INSERT INTO t VALUES(?, 'x')");
  ASSERT_TRUE(statement.bind(1, ValueView::of_integer(1)).ok());
  EXPECT_EQ(statement.step(error_), Statement::Step::kDone);
  statement.reset();
  EXPECT_EQ(statement.step(error_), Statement::Step::kError);
  EXPECT_EQ(error_.text, "UNIQUE constraint failed: t.id");
  EXPECT_EQ(error_.fault, Fault::kStatement);
  statement.reset();
  error_ = {};
  statement.clear_bindings();  // NULL takes the next id
  EXPECT_EQ(statement.step(error_), Statement::Step::kDone);
  EXPECT_EQ(connection_->last_insert_rowid(), 2);
}

TEST_F(StatementTest, ATextIsPreparedOneStatementAtATime) {
  std::string_view sql = "SELECT 1; SELECT 2 -- end";
  EXPECT_TRUE(connection_->prepare(sql, false, error_).has_value());
  EXPECT_EQ(sql, " SELECT 2 -- end");
  EXPECT_TRUE(connection_->prepare(sql, false, error_).has_value());
  EXPECT_EQ(sql, "");
  sql = "-- nothing";
  EXPECT_FALSE(connection_->prepare(sql, false, error_).has_value());
  EXPECT_TRUE(error_.ok());
  sql = "SELEC 1";
  EXPECT_FALSE(connection_->prepare(sql, false, error_).has_value());
  EXPECT_EQ(error_.text, "near \"SELEC\": syntax error");
}

// Limits in these tests: 2 statements of at most 20 bytes.
class StatementCacheTest : public StatementTest {
 protected:
  // The entry for `sql`, prepared; "kept" if it was so before.
  std::string use(std::string_view sql) {
    StatementCache::Entry* entry = cache_.find(sql);
    if (entry == nullptr) return "too long";
    EXPECT_EQ(entry->sql, sql);
    if (entry->statement.has_value()) return "kept";
    entry->statement = prepare(sql);
    return "new";
  }

  // Two short texts, but not three.
  StatementCache cache_{{.bytes_max = 5000, .sql_bytes_max = 20}};
};

TEST_F(StatementCacheTest, KeepsWhatWasUsedLast) {
  EXPECT_EQ(use("SELECT 1"), "new");
  EXPECT_EQ(use("SELECT 1"), "kept");
  EXPECT_EQ(use("SELECT 2"), "new");
  EXPECT_EQ(use("SELECT 1"), "kept");
  EXPECT_EQ(use("SELECT 3"), "new");  // 2 goes
  EXPECT_EQ(use("SELECT 1"), "kept");
  EXPECT_EQ(use("SELECT 2"), "new");
}

TEST_F(StatementCacheTest, DoesNotKeepLongTexts) {
  EXPECT_EQ(use("SELECT 1, 2, 3, 4, 5, 6"), "too long");
  EXPECT_EQ(use("SELECT 1, 2, 3, 4, 5"), "new");
}

TEST_F(StatementCacheTest, TextsThatDifferAreDifferent) {
  EXPECT_EQ(use("SELECT 1"), "new");
  EXPECT_EQ(use("SELECT 1 "), "new");
}

TEST_F(StatementCacheTest, KnowsTheShapeOfItsTexts) {
  EXPECT_EQ(cache_.find("SAVEPOINT s")->shape.first, Keyword::kSavepoint);
  EXPECT_FALSE(cache_.find("SELECT 1; SELECT 2")->shape.single);
}

TEST_F(StatementCacheTest, KeepsNothingThatIsAnsweredWhenItIsPrepared) {
  EXPECT_EQ(cache_.find("PRAGMA index_list(t)"), nullptr);
  EXPECT_EQ(cache_.find(" explain query plan SELECT 1"), nullptr);
}

TEST_F(StatementCacheTest, ForgetsAllWhenItIsCleared) {
  EXPECT_EQ(use("SELECT 1"), "new");
  cache_.clear();
  EXPECT_EQ(use("SELECT 1"), "new");
}

}  // namespace
}  // namespace rqlite::sqlite
