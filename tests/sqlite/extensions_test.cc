#include "sqlite/extensions.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "sqlite/connection.h"
#include "sqlite/file_check.h"

namespace rqlite::sqlite {
namespace {

// The rows of the last statement of `sql`, values separated by "|" and rows by ","; or "error: "
// and the text.
std::string run(Connection& connection, std::string_view sql) {
  std::string rows;
  while (!sql.empty()) {
    Error error;
    rows.clear();
    Statement statement = connection.prepare(sql, false, error);
    while (error.ok() && statement.step(error) == Statement::Step::kRow) {
      rows += rows.empty() ? "" : ",";
      for (int i = 0; i < statement.column_count(); i++) {
        const ValueView value = statement.column(i);
        rows += i == 0 ? "" : "|";
        rows += value.type == ValueType::kInteger ? std::to_string(value.integer)
                                                  : std::string(value.bytes);
      }
    }
    if (!error.ok()) return "error: " + error.text;
  }
  return rows;
}

// A database whose connections load the test's extension.
class ExtensionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "extensions-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    auto writer = Connection::open_writer(path(), vfs_, false, {TEST_EXTENSION});
    ASSERT_TRUE(writer.ok()) << writer.error().text();
    writer_ = std::move(*writer);
  }
  void TearDown() override {
    writer_.reset();
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::string path() const { return folder_ + "/db"; }
  std::string write(std::string_view sql) { return run(*writer_, sql); }

  std::string folder_;
  EntryVfs vfs_;
  std::unique_ptr<Connection> writer_;
};

TEST_F(ExtensionsTest, FunctionsWorkForWriting) {
  EXPECT_EQ(write("CREATE TABLE t(x COLLATE backwards, y AS (rot13(x)));"
                  "CREATE INDEX i ON t(rot13(x));"
                  "INSERT INTO t VALUES('ab'), ('za');"
                  "SELECT * FROM t ORDER BY x"),
            "za|mn,ab|no");
}

TEST_F(ExtensionsTest, FunctionsWorkForReading) {
  EXPECT_EQ(write("CREATE TABLE t(x); INSERT INTO t VALUES('uryyb')"), "");
  auto reader = Connection::open_reader(path(), false, nullptr, {TEST_EXTENSION});
  ASSERT_TRUE(reader.ok()) << reader.error().text();
  EXPECT_EQ(run(**reader, "SELECT rot13(x) FROM t"), "hello");
}

TEST_F(ExtensionsTest, SqlItselfLoadsNothing) {
  const std::string load = std::string("SELECT load_extension('") + TEST_EXTENSION + "')";
  EXPECT_EQ(write(load), "error: not authorized");
  auto reader = Connection::open_reader(path(), false, nullptr, {TEST_EXTENSION});
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(run(**reader, load), "error: not authorized");
}

TEST_F(ExtensionsTest, CannotReplaceWhatReplicasAgreeOn) {
  writer_->seed(7);
  const std::string first = write("SELECT random()");
  EXPECT_NE(first, "4");
  writer_->seed(7);
  EXPECT_EQ(write("SELECT random()"), first);
}

TEST_F(ExtensionsTest, AFunctionThatRunsSqlCannotEndATransactionOfOthers) {
  EXPECT_EQ(write("CREATE TABLE t(x); BEGIN; SAVEPOINT request; INSERT INTO t VALUES(1)"), "");
  for (const char* sql :
       {"COMMIT", "ROLLBACK", "BEGIN", "RELEASE request", "rollback to Request"}) {
    EXPECT_EQ(write(std::string("SELECT run_sql('") + sql + "')"), "not authorized") << sql;
  }
  EXPECT_EQ(write("SELECT run_sql('INSERT INTO t VALUES(2)')"), "ok");
  EXPECT_EQ(write("SELECT run_sql('SAVEPOINT mine; INSERT INTO t VALUES(3); RELEASE mine')"), "ok");
  EXPECT_EQ(write("SELECT run_sql('PRAGMA journal_mode=DELETE')"), "not authorized");
  EXPECT_EQ(write("SELECT run_sql('ATTACH ''x'' AS x')"), "not authorized");
  EXPECT_EQ(write("ROLLBACK; SELECT count(*) FROM t"), "0");
}

TEST_F(ExtensionsTest, AStatementThatSqlitePreparesAnewIsNoFunction) {
  Error error;
  std::vector<Statement> control;
  for (std::string_view sql : {"BEGIN", "SAVEPOINT request", "RELEASE request", "COMMIT"}) {
    control.push_back(writer_->prepare(sql, true, error));
    ASSERT_TRUE(error.ok()) << error.text;
  }
  // It makes all prepared statements stale.
  EXPECT_EQ(write("CREATE TABLE t(x); CREATE INDEX i ON t(x); DROP INDEX i; ANALYZE"), "");
  for (Statement& statement : control) {
    EXPECT_EQ(statement.step(error), Statement::Step::kDone) << error.text;
  }
}

TEST_F(ExtensionsTest, VacuumStillHasItsOwnTransaction) {
  EXPECT_EQ(write("CREATE TABLE t(x COLLATE backwards UNIQUE); INSERT INTO t VALUES('a')"), "");
  writer_->set_vacuum_allowed(true);
  EXPECT_EQ(write("VACUUM"), "");
  EXPECT_EQ(write("SELECT x FROM t"), "a");
}

TEST_F(ExtensionsTest, FullTextSearchStillHasItsOwnSavepoints) {
  EXPECT_EQ(write("CREATE VIRTUAL TABLE f USING fts4(x); INSERT INTO f VALUES('a b');"
                  "INSERT INTO f(f) VALUES('optimize'); SELECT x FROM f WHERE f MATCH 'b'"),
            "a b");
}

TEST_F(ExtensionsTest, AFileThatNeedsThemIsSound) {
  EXPECT_EQ(write("CREATE TABLE t(x COLLATE backwards, y AS (rot13(x)) STORED);"
                  "CREATE INDEX i ON t(rot13(x)); INSERT INTO t(x) VALUES('ab')"),
            "");
  writer_->set_vacuum_allowed(true);
  EXPECT_EQ(write("VACUUM INTO '" + folder_ + "/copy'"), "");
  const auto check = [this](const Extensions& extensions) {
    return check_file(posix_file_system(), folder_ + "/copy", CheckDepth::kIndexes, nullptr,
                      extensions);
  };
  EXPECT_EQ(check({TEST_EXTENSION}).text(), "");
  EXPECT_EQ(check({}).code(), Code::kInvalid);
  EXPECT_EQ(check({folder_ + "/none.so"}).code(), Code::kFailed);
}

TEST_F(ExtensionsTest, OneThatDoesNotLoadFailsTheConnection) {
  std::ofstream(folder_ + "/broken.so") << "not a library";
  for (const char* name : {"/broken.so", "/missing.so"}) {
    const auto failed =
        Connection::open_writer(path(), vfs_, false, {TEST_EXTENSION, folder_ + name});
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.error().code(), Code::kFailed);
    EXPECT_TRUE(failed.error().text().starts_with("open " + path() + ": extension " + folder_ +
                                                  name + " does not load: " + folder_ + name))
        << failed.error().text();
  }
}

TEST(NamesOfExtensionsTest, AreWithoutTheirFolder) {
  EXPECT_EQ(names_of({"/a/b.so", "c.so"}), (std::vector<std::string>{"b.so", "c.so"}));
}

}  // namespace
}  // namespace rqlite::sqlite
