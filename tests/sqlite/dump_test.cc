#include "sqlite/dump.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <bit>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"
#include "sqlite/entry_vfs.h"

namespace rqlite::sqlite {
namespace {

using namespace std::string_literals;

const std::string kStart = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n";
const std::string kEnd = "COMMIT;\n";

// Type and exact bytes.
std::string exact(const ValueView& value) {
  switch (value.type) {
    case ValueType::kNull:
      return "null";
    case ValueType::kInteger:
      return fmt::format("integer {}", value.integer);
    case ValueType::kReal:
      return fmt::format("real {:a}", value.real);
    case ValueType::kText:
      return "text " + std::string(value.bytes);
    case ValueType::kBlob:
      return "blob " + std::string(value.bytes);
  }
  return "?";
}

// A database in a folder of its own, with the connections that the server would use.
class Database {
 public:
  // `before` runs in the empty file.
  explicit Database(const char* before = nullptr) {
    std::string pattern = ::testing::TempDir() + "dump-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    if (before != nullptr) {
      sqlite3* raw = nullptr;
      EXPECT_EQ(sqlite3_open(path().c_str(), &raw), SQLITE_OK);
      EXPECT_EQ(sqlite3_exec(raw, before, nullptr, nullptr, nullptr), SQLITE_OK);
      EXPECT_EQ(sqlite3_close(raw), SQLITE_OK);
    }
    auto writer = Connection::open_writer(path(), vfs_, false);
    EXPECT_TRUE(writer.ok()) << writer.status().text();
    writer_ = std::move(*writer);
    auto reader = Connection::open_reader(path(), false);
    EXPECT_TRUE(reader.ok()) << reader.status().text();
    reader_ = std::move(*reader);
  }
  ~Database() {
    reader_.reset();
    writer_.reset();
    std::filesystem::remove_all(folder_);
  }
  Database(const Database&) = delete;

  // Runs all of `sql` as a client's text; the error, or "".
  std::string run(std::string_view sql) {
    while (!sql.empty()) {
      Error error;
      Statement statement = writer_->prepare(sql, false, error);
      while (error.ok() && statement.has_value()) {
        if (statement.step(error) != Statement::Step::kRow) break;
      }
      if (!error.ok()) return error.text;
    }
    return "";
  }

  void insert(const std::string& sql, const std::vector<ValueView>& values) {
    std::string_view rest = sql;
    Error error;
    Statement statement = writer_->prepare(rest, false, error);
    ASSERT_TRUE(error.ok()) << error.text << " in " << sql;
    for (std::size_t i = 0; i < values.size(); i++) {
      ASSERT_TRUE(statement.bind(static_cast<int>(i) + 1, values[i]).ok());
    }
    EXPECT_EQ(statement.step(error), Statement::Step::kDone) << error.text << " in " << sql;
  }

  std::string dump(const std::vector<std::string>& tables = {}) {
    std::string text;
    const Status status = write_dump(*reader_, tables, [&text](std::string_view piece) {
      EXPECT_LE(piece.size(), SqlWriter::kPieceBytes);
      text += piece;
      return Status();
    });
    EXPECT_TRUE(status.ok()) << status.text();
    EXPECT_TRUE(reader_->is_autocommit());
    return text;
  }

  // The lines between the first ones and the last one.
  std::string body(const std::vector<std::string>& tables = {}) {
    std::string text = dump(tables);
    EXPECT_TRUE(text.starts_with(kStart) && text.ends_with(kEnd)) << text;
    return text.substr(kStart.size(), text.size() - kStart.size() - kEnd.size());
  }

  std::vector<std::string> rows(const std::string& sql) {
    std::vector<std::string> rows;
    std::string_view rest = sql;
    Error error;
    Statement statement = reader_->prepare(rest, false, error);
    while (error.ok() && statement.step(error) == Statement::Step::kRow) {
      std::string& row = rows.emplace_back();
      for (int i = 0; i < statement.column_count(); i++) row += exact(statement.column(i)) + "|";
    }
    EXPECT_TRUE(error.ok()) << error.text << " in " << sql;
    return rows;
  }

  // The schema, and the rows of all tables but those that modules keep for themselves.
  std::vector<std::string> content() {
    std::vector<std::string> all = rows(
        "SELECT type, name, tbl_name, rtrim(sql, char(10)) FROM sqlite_schema WHERE name NOT IN "
        "(SELECT name FROM pragma_table_list WHERE type = 'shadow') ORDER BY type, name");
    std::string_view sql =
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type <> 'shadow' "
        "AND name NOT IN ('sqlite_schema', 'sqlite_temp_schema') ORDER BY name";
    Error error;
    Statement tables = reader_->prepare(sql, false, error);
    while (tables.step(error) == Statement::Step::kRow) {
      const std::string name = quoted_name(tables.column(0).bytes);
      all.push_back(name);
      for (std::string& row : rows("SELECT * FROM " + name)) all.push_back(std::move(row));
    }
    return all;
  }

  [[nodiscard]] std::string path() const { return folder_ + "/db"; }
  Connection& reader() { return *reader_; }

 private:
  std::string folder_;
  EntryVfs vfs_;
  std::unique_ptr<Connection> writer_;
  std::unique_ptr<Connection> reader_;
};

void expect_reload_equals(Database& original) {
  const std::string text = original.dump();
  Database copy;
  ASSERT_EQ(copy.run(text), "") << text.substr(0, 10000);
  EXPECT_EQ(copy.content(), original.content());
  EXPECT_EQ(copy.dump(), text);
}

class DumpTest : public ::testing::Test {
 protected:
  void run(std::string_view sql) { ASSERT_EQ(database_.run(sql), ""); }
  std::string body(const std::vector<std::string>& tables = {}) { return database_.body(tables); }

  Database database_;
};

// The layout.

TEST_F(DumpTest, AnEmptyDatabaseIsAnEmptyTransaction) {
  EXPECT_EQ(database_.dump(), kStart + kEnd);
}

TEST_F(DumpTest, ATableIsItsTextAsItWasWritten) {
  run("CREATE TABLE crew (name text)");
  EXPECT_EQ(database_.dump(), kStart + "CREATE TABLE crew (name text);\n" + kEnd);
  run("create  table Odd\n( a -- note\n, b )");
  EXPECT_EQ(body(), "CREATE TABLE Odd\n( a -- note\n, b );\nCREATE TABLE crew (name text);\n");
}

TEST_F(DumpTest, TablesComeByNameInBinaryOrderWithTheirRows) {
  run("CREATE TABLE b(x); CREATE TABLE a(x); CREATE TABLE Z(x); CREATE TABLE ä(x);"
      "INSERT INTO a VALUES(1),(2); INSERT INTO Z VALUES(3)");
  EXPECT_EQ(body(),
            "CREATE TABLE Z(x);\nINSERT INTO \"Z\" VALUES(3);\n"
            "CREATE TABLE a(x);\nINSERT INTO \"a\" VALUES(1);\nINSERT INTO \"a\" VALUES(2);\n"
            "CREATE TABLE b(x);\nCREATE TABLE ä(x);\n");
}

TEST_F(DumpTest, ValuesAreWhatQuoteSays) {
  run("CREATE TABLE t(a, b, c, d, e, f);"
      "INSERT INTO t VALUES(1, -9223372036854775808, 9223372036854775807, 1.0, -0.1, 1e20);"
      "INSERT INTO t VALUES(NULL, 'it''s', X'00ff', '', X'', 'a\nb');"
      "INSERT INTO t VALUES(9e999, -9e999, -12.5, 1e300, 1e-7, 0.0)");
  EXPECT_EQ(body(),
            "CREATE TABLE t(a, b, c, d, e, f);\n"
            "INSERT INTO \"t\" VALUES(1,-9223372036854775808,9223372036854775807,1.0,-0.1,1.0e+20);"
            "\nINSERT INTO \"t\" VALUES(NULL,'it''s',X'00FF','',X'','a\nb');\n"
            "INSERT INTO \"t\" VALUES(9.0e+999,-9.0e+999,-12.5,1.0e+300,1.0e-07,0.0);\n");
}

TEST_F(DumpTest, NumbersWithManyDigitsAreWhatQuoteSaysToo) {
  run("CREATE TABLE t(x)");
  std::string expected = "CREATE TABLE t(x);\n";
  for (const char* number : {"0.1+0.2", "1.0/3", "123456789012345678.0", "-1e22/7"}) {
    run("INSERT INTO t VALUES("s + number + ")");
    const std::string quote = database_.rows("SELECT quote("s + number + ")").front();
    expected += "INSERT INTO \"t\" VALUES(" + quote.substr(5, quote.size() - 6) + ");\n";
  }
  EXPECT_EQ(body(), expected);
}

// Which these are depends on the version of SQLite.
TEST_F(DumpTest, NumbersThatQuoteDoesNotSayExactlySurvive) {
  run("CREATE TABLE t(x)");
  run("BEGIN");
  for (int exponent = -1074; exponent < 1024; exponent++) {
    const double power = std::ldexp(1.0, exponent);
    for (const double value : {power, std::nextafter(power, 0.0), -std::nextafter(power, 2 * power),
                               power + power / 3}) {
      database_.insert("INSERT INTO t VALUES(?)", {ValueView::of_real(value)});
    }
  }
  run("COMMIT");
  expect_reload_equals(database_);
}

TEST_F(DumpTest, IndexesTriggersAndViewsComeLastInTheOrderOfTheSchema) {
  run("CREATE TABLE t(a UNIQUE, b);"
      "CREATE VIEW v AS SELECT 1;"
      "CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END;"
      "CREATE INDEX i ON t(b)");
  EXPECT_EQ(body(),
            "CREATE TABLE t(a UNIQUE, b);\n"
            "CREATE VIEW v AS SELECT 1;\n"
            "CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END;\n"
            "CREATE INDEX i ON t(b);\n");
}

TEST_F(DumpTest, TheFilterTakesTablesByTheirExactNameAndNothingElse) {
  run("CREATE TABLE a(x); CREATE TABLE b(x); CREATE INDEX i ON b(x); CREATE VIEW v AS SELECT 1;"
      "INSERT INTO a VALUES(1); INSERT INTO b VALUES(2)");
  const std::string rest = "CREATE INDEX i ON b(x);\nCREATE VIEW v AS SELECT 1;\n";
  const std::string a = "CREATE TABLE a(x);\nINSERT INTO \"a\" VALUES(1);\n";
  EXPECT_EQ(body({"a"}), a + rest);
  EXPECT_EQ(body({"unknown", "a", "a"}), a + rest);
  EXPECT_EQ(body({"A"}), rest);
  EXPECT_EQ(body({"v"}), rest);
  EXPECT_EQ(body({""}), rest);
}

TEST_F(DumpTest, GeneratedColumnsAreLeftOut) {
  run("CREATE TABLE t(g AS (a + 1), a, s AS (a * 2) STORED, b); INSERT INTO t VALUES(1, 2)");
  EXPECT_EQ(body(),
            "CREATE TABLE t(g AS (a + 1), a, s AS (a * 2) STORED, b);\n"
            "INSERT INTO \"t\" VALUES(1,2);\n");
  expect_reload_equals(database_);
}

TEST_F(DumpTest, SqlitesOwnTablesHaveTheirOwnFirstLines) {
  run("CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, x); CREATE INDEX i ON a(x);"
      "CREATE TABLE z(y); INSERT INTO a(x) VALUES('q'); DELETE FROM a;"
      "INSERT INTO a(x) VALUES('r'); ANALYZE");
  EXPECT_EQ(body(),
            "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, x);\n"
            "INSERT INTO \"a\" VALUES(2,'r');\n"
            "DELETE FROM \"sqlite_sequence\";;\n"
            "INSERT INTO \"sqlite_sequence\" VALUES('a',2);\n"
            "ANALYZE \"sqlite_master\";;\n"
            "INSERT INTO \"sqlite_stat1\" VALUES('a','i','1 1');\n"
            "CREATE TABLE z(y);\n"
            "CREATE INDEX i ON a(x);\n");
  EXPECT_EQ(body({"z"}), "CREATE TABLE z(y);\nCREATE INDEX i ON a(x);\n");
  expect_reload_equals(database_);
}

TEST_F(DumpTest, RowsComeInTheOrderInWhichTheyAreStored) {
  // SQLite would rather read the indexes, which hold all columns and are smaller.
  run("CREATE TABLE a(id INTEGER PRIMARY KEY, x, y AS (1)); CREATE INDEX ai ON a(x);"
      "CREATE TABLE b(k, x, PRIMARY KEY(k DESC)) WITHOUT ROWID; CREATE INDEX bi ON b(x, k);"
      "INSERT INTO a VALUES(1,'c'),(2,'b'),(3,'a'); INSERT INTO b VALUES(1,'a'),(2,'b'),(3,'c')");
  const std::string text = body();
  EXPECT_LT(text.find("VALUES(1,'c')"), text.find("VALUES(2,'b')"));
  EXPECT_LT(text.find("VALUES(2,'b')"), text.find("VALUES(3,'a')"));
  EXPECT_LT(text.find("VALUES(3,'c')"), text.find("VALUES(1,'a')"));
  expect_reload_equals(database_);
}

// What other dumps get wrong.

TEST_F(DumpTest, RowsSurviveEveryName) {
  for (const std::string name : {"it's", "a\"b", "sel ect", "select", "\"", "'", "%_", "-- x",
                                 "new\nline", "[x]", "`", "ünï", "\xff\xfe"}) {
    run("CREATE TABLE " + quoted_name(name) + "(" + quoted_name("1" + name) + ", " +
        quoted_name(name) + " INTEGER PRIMARY KEY)");
    run("INSERT INTO " + quoted_name(name) + " VALUES('x', 7)");
  }
  EXPECT_NE(body().find("INSERT INTO \"a\"\"b\" VALUES('x',7);\n"), std::string::npos);
  EXPECT_NE(body().find("INSERT INTO \"it's\" VALUES('x',7);\n"), std::string::npos);
  expect_reload_equals(database_);
}

TEST_F(DumpTest, TextWithNulSurvives) {
  run("CREATE TABLE t(x)");
  for (const std::string& text :
       {"\0"s, "a\0b"s, "\0\0'"s, "\\0\0"s, "\\\0000\\1"s, "12\0"s, std::string(3000, '\0')}) {
    database_.insert("INSERT INTO t VALUES(?1)", {ValueView::of_text(text)});
  }
  EXPECT_TRUE(
      body().starts_with("CREATE TABLE t(x);\n"
                         "INSERT INTO \"t\" VALUES(replace('\\0','\\0',char(0)));\n"
                         "INSERT INTO \"t\" VALUES(replace('a\\0b','\\0',char(0)));\n"));
  expect_reload_equals(database_);
}

TEST_F(DumpTest, ATextThatEndsInACommentGetsItsEndOutsideOfIt) {
  run("CREATE TABLE t(x)");
  run("CREATE INDEX i ON t(x) -- note");
  run("CREATE VIEW v AS SELECT 1 /* open");
  run("CREATE VIEW w AS SELECT ';' -- one; two");
  EXPECT_EQ(body(),
            "CREATE TABLE t(x);\nCREATE INDEX i ON t(x) -- note\n;\n"
            "CREATE VIEW v AS SELECT 1 /* open*/;\nCREATE VIEW w AS SELECT ';' -- one; two\n;\n");
  Database copy;
  EXPECT_EQ(copy.run(database_.dump()), "");
}

TEST_F(DumpTest, SequencesComeBehindTheFirstTableThatHasOne) {
  run("CREATE TABLE a(x); CREATE TABLE u(id INTEGER PRIMARY KEY autoIncrement);"
      "CREATE TABLE v(x); INSERT INTO u VALUES(5)");
  EXPECT_EQ(body(),
            "CREATE TABLE a(x);\nCREATE TABLE u(id INTEGER PRIMARY KEY autoIncrement);\n"
            "INSERT INTO \"u\" VALUES(5);\nCREATE TABLE v(x);\n"
            "DELETE FROM \"sqlite_sequence\";;\nINSERT INTO \"sqlite_sequence\" VALUES('u',5);\n");
  expect_reload_equals(database_);
  run("DROP TABLE u");
  EXPECT_EQ(body(), "CREATE TABLE a(x);\nCREATE TABLE v(x);\n");
  EXPECT_EQ(body({"sqlite_sequence"}), "DELETE FROM \"sqlite_sequence\";;\n");
}

TEST_F(DumpTest, VirtualTablesAreFilledByTheirModuleWhenTheyAreLoaded) {
  run("CREATE TABLE zoo(id INTEGER PRIMARY KEY, body);"
      "INSERT INTO zoo VALUES(3,'three words here'),(9,'nine')");
  run("CREATE VIRTUAL TABLE docs USING fts5(title, body)");
  run("INSERT INTO docs(rowid, title, body) VALUES(5,'it''s','hello world'),(70,'b','world')");
  run("CREATE VIRTUAL TABLE ext USING fts5(body, content=zoo, content_rowid=id)");
  run("INSERT INTO ext(rowid, body) SELECT id, body FROM zoo");
  run("CREATE TRIGGER tr AFTER INSERT ON zoo BEGIN"
      " INSERT INTO ext(rowid, body) VALUES(new.id, new.body); END");
  run("CREATE VIRTUAL TABLE old USING fts4(content=\"zoo\")");
  run("INSERT INTO old(docid, body) SELECT id, body FROM zoo");
  run("CREATE VIRTUAL TABLE words USING fts5vocab(docs, row)");
  run("CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, +label)");
  run("INSERT INTO boxes VALUES(8, 1.5, 2.1, 'b')");
  const std::string text = body();
  EXPECT_TRUE(text.starts_with(
      "CREATE TABLE zoo(id INTEGER PRIMARY KEY, body);\n"
      "INSERT INTO \"zoo\" VALUES(3,'three words here');\nINSERT INTO \"zoo\" VALUES(9,'nine');\n"
      "CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, +label);\n"
      "INSERT INTO \"boxes\"(rowid,\"id\",\"x0\",\"x1\",\"label\") VALUES(8,8,1.5,"))
      << text;
  EXPECT_NE(text.find("CREATE VIRTUAL TABLE docs USING fts5(title, body);\n"
                      "INSERT INTO \"docs\"(rowid,\"title\",\"body\") "
                      "VALUES(5,'it''s','hello world');\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("CREATE VIRTUAL TABLE words USING fts5vocab(docs, row);\nCREATE TRIGGER"),
            std::string::npos)
      << text;
  expect_reload_equals(database_);

  Database copy;
  ASSERT_EQ(copy.run(database_.dump()), "");
  for (Database* one : {&database_, &copy}) {
    EXPECT_EQ(one->rows("SELECT rowid FROM docs('world') ORDER BY rowid"),
              (std::vector<std::string>{"integer 5|", "integer 70|"}));
    EXPECT_EQ(one->rows("SELECT rowid FROM ext('nine')"), (std::vector<std::string>{"integer 9|"}));
    EXPECT_EQ(one->rows("SELECT rowid FROM old WHERE old MATCH 'words'"),
              (std::vector<std::string>{"integer 3|"}));
    EXPECT_EQ(one->rows("SELECT id FROM boxes WHERE x0 < 2"),
              (std::vector<std::string>{"integer 8|"}));
  }
}

TEST_F(DumpTest, AVirtualTableThatCannotBeReadIsNoReasonToGiveUp) {
  run("CREATE TABLE a(x); INSERT INTO a VALUES(1);"
      "CREATE VIRTUAL TABLE e USING fts5(x, content=gone);"
      "CREATE VIRTUAL TABLE f USING fts5(y); INSERT INTO f VALUES('kept')");
  const std::string text = body();
  EXPECT_NE(text.find("content=gone);\n-- rows that cannot be read: "), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("VALUES(1,'kept');\n")) << text;
  Database copy;
  EXPECT_EQ(copy.run(database_.dump()), "");
}

TEST(DumpOfVacuumedTest, ShadowTablesAreKnownWhereverTheyStand) {
  // A VACUUM puts them in front of those that they belong to.
  Database database(
      "CREATE VIRTUAL TABLE docs USING fts5(x); INSERT INTO docs VALUES('a'); VACUUM;");
  EXPECT_EQ(database.body(),
            "CREATE VIRTUAL TABLE docs USING fts5(x);\n"
            "INSERT INTO \"docs\"(rowid,\"x\") VALUES(1,'a');\n");
}

TEST(DumpOfUtf16Test, TextIsTheSameInAnyEncoding) {
  for (const char* encoding : {"PRAGMA encoding='UTF-16le'; CREATE TABLE t(x)",
                               "PRAGMA encoding='UTF-16be'; CREATE TABLE t(x)"}) {
    Database original(encoding);
    const std::string text = "ä\0'\xf0\x9f\x90\x9f"s;
    original.insert("INSERT INTO t VALUES(?1)", {ValueView::of_text(text)});
    EXPECT_EQ(original.rows("SELECT x FROM t"), std::vector<std::string>{"text " + text + "|"});
    expect_reload_equals(original);
    // And the other way round, into such a database.
    Database copy(encoding);
    ASSERT_EQ(copy.run("DROP TABLE t;" + original.dump()), "");
    EXPECT_EQ(copy.content(), original.content());
  }
}

// One moment, little memory, and failures.

TEST_F(DumpTest, AllIsOfOneMoment) {
  run("CREATE TABLE a(x); CREATE TABLE b(x);"
      "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c LIMIT 20000)"
      "INSERT INTO a SELECT i FROM c");
  const std::string before = database_.dump();
  std::string text;
  const Status status = write_dump(database_.reader(), {}, [&](std::string_view piece) {
    EXPECT_EQ(database_.run("INSERT INTO b VALUES(1); DELETE FROM a WHERE x % 2"), "");
    text += piece;
    return Status();
  });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(text, before);
  EXPECT_NE(database_.dump(), before);
}

TEST_F(DumpTest, ASinkThatRefusesIsNotAskedAgainAndItsReasonIsTheResult) {
  run("CREATE TABLE a(x); INSERT INTO a VALUES(zeroblob(500000)), ('x')");
  for (int good = 0; good < 16; good++) {
    int pieces = 0;
    const Status status = write_dump(database_.reader(), {}, [&](std::string_view) {
      return pieces++ < good ? Status() : Status(Code::kTooLarge, "client is gone");
    });
    EXPECT_EQ(status, Status(Code::kTooLarge, "client is gone"));
    EXPECT_EQ(pieces, good + 1);
    EXPECT_TRUE(database_.reader().is_autocommit());
  }
}

TEST_F(DumpTest, AnInterruptEndsIt) {
  run("CREATE TABLE a(x); INSERT INTO a VALUES(zeroblob(500000)), ('x')");
  const Status status = write_dump(database_.reader(), {}, [&](std::string_view) {
    database_.reader().interrupt();
    return Status();
  });
  EXPECT_EQ(status, Status(Code::kUnavailable, "dump: interrupted"));
  EXPECT_TRUE(database_.reader().is_autocommit());
  EXPECT_EQ(database_.rows("SELECT count(*) FROM a"), std::vector<std::string>{"integer 2|"});
}

TEST_F(DumpTest, AHugeValueIsHeldOnce) {
  constexpr std::int64_t kSize = 16 << 20;
  run("CREATE TABLE a(x); INSERT INTO a VALUES(zeroblob(16777216))");
  const std::string quotes(kSize, '\'');
  database_.insert("INSERT INTO a VALUES(?1)", {ValueView::of_text(quotes)});
  const std::int64_t before = sqlite3_memory_used();
  sqlite3_memory_highwater(1);
  std::int64_t size = 0;
  const Status status = write_dump(database_.reader(), {}, [&size](std::string_view piece) {
    size += static_cast<std::int64_t>(piece.size());
    return Status();
  });
  EXPECT_TRUE(status.ok());
  EXPECT_GT(size, 4 * kSize);
  EXPECT_LT(sqlite3_memory_highwater(0) - before, kSize * 5 / 4);
}

TEST_F(DumpTest, DamageIsAnErrorAndNotAMissingRow) {
  Database damaged(
      "PRAGMA page_size=512; CREATE TABLE a(x); WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL "
      "SELECT i+1 FROM c LIMIT 200) INSERT INTO a SELECT zeroblob(100) FROM c");
  std::fstream file(damaged.path(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(512 * 20);
  file << std::string(512, '\xee');
  file.close();
  const Status status = write_dump(damaged.reader(), {}, [](std::string_view) { return Status(); });
  EXPECT_EQ(status, Status(Code::kFailed, "dump: database disk image is malformed"));
  EXPECT_TRUE(damaged.reader().is_autocommit());
}

// Chance.

class RandomDatabase {
 public:
  explicit RandomDatabase(std::uint64_t seed) : random_(seed) {}

  void fill(Database& database) {
    const std::uint64_t tables = 1 + random_.below(5);
    for (std::uint64_t i = 0; i < tables; i++) add_table(database, i);
    if (random_.chance(0.5)) expect_ok(database, "ANALYZE");
  }

 private:
  static void expect_ok(Database& database, const std::string& sql) {
    EXPECT_EQ(database.run(sql), "") << sql;
  }

  template <typename T, std::size_t size>
  const T& one_of(const T (&choices)[size]) {
    return choices[random_.below(size)];
  }

  std::string name(std::uint64_t number) {
    static const std::string kNames[] = {"t", "T", "zz", "it's", "a\"b", "x y", "select", "ü", ""};
    return quoted_name(one_of(kNames) + std::to_string(number));
  }

  void add_table(Database& database, std::uint64_t number) {
    static const std::string kTypes[] = {"",      " INTEGER", " REAL",       " TEXT",
                                         " BLOB", " NUMERIC", " VARCHAR(10)"};
    const std::string table = name(number);
    const std::uint64_t kind = random_.below(4);
    std::string definition;
    std::vector<std::string> columns;
    const auto add = [&definition](const std::string& column) {
      definition += (definition.empty() ? "" : ", ") + column;
    };
    if (kind == 1) add("id INTEGER PRIMARY KEY AUTOINCREMENT");
    if (kind == 2) add("id TEXT PRIMARY KEY");
    if (kind == 3) add("id INTEGER PRIMARY KEY");
    const std::uint64_t count = 1 + random_.below(6);
    for (std::uint64_t i = 0; i < count; i++) {
      columns.push_back(name(100 + i));
      add(columns.back() + one_of(kTypes));
      if (random_.chance(0.2)) {
        add(fmt::format("g{} AS (typeof({})){}", i, columns.back(),
                        random_.chance(0.5) ? " STORED" : ""));
      }
    }
    const bool without_rowid = kind == 2 || (kind == 3 && random_.chance(0.5));
    expect_ok(database, "CREATE TABLE " + table + "(" + definition + ")" +
                            (without_rowid ? " WITHOUT ROWID" : ""));

    std::string list = kind > 0 ? "id" : "";
    std::string values = kind > 0 ? "?1" : "";
    for (std::size_t i = 0; i < columns.size(); i++) {
      list += (list.empty() ? "" : ",") + columns[i];
      values += fmt::format("{}?{}", values.empty() ? "" : ",", i + 2);
    }
    const std::string insert =
        "INSERT OR IGNORE INTO " + table + "(" + list + ") VALUES(" + values + ")";
    const std::uint64_t rows = random_.below(30);
    for (std::uint64_t row = 0; row < rows; row++) {
      std::vector<std::string> bytes(columns.size() + 1);  // what the values look at
      std::vector<ValueView> row_values;
      bytes[0] = std::to_string(row * 7 % 31);
      row_values.push_back(kind == 2 ? ValueView::of_text(bytes[0])
                                     : ValueView::of_integer(static_cast<int>(row * 7 % 31) - 9));
      for (std::size_t i = 0; i < columns.size(); i++) {
        row_values.push_back(random_value(bytes[i + 1]));
      }
      database.insert(insert, row_values);
    }
    if (kind == 1) expect_ok(database, "DELETE FROM " + table + " WHERE id > 10");
    add_others(database, table, columns, number);
  }

  void add_others(Database& database, const std::string& table,
                  const std::vector<std::string>& columns, std::uint64_t number) {
    if (random_.chance(0.5)) {
      expect_ok(database, fmt::format("CREATE INDEX \"i'{}\" ON {}({}){}", number, table,
                                      columns[0], random_.chance(0.3) ? " -- note" : ""));
    }
    if (random_.chance(0.3)) {
      expect_ok(database,
                fmt::format("CREATE VIEW v{} AS SELECT {} FROM {}", number, columns[0], table));
    }
    if (random_.chance(0.3)) {
      expect_ok(database, fmt::format("CREATE TRIGGER tr{0} AFTER INSERT ON {1} BEGIN"
                                      " DELETE FROM {1}; SELECT ';END'; END",
                                      number, table));
    }
  }

  ValueView random_value(std::string& bytes) {
    static const std::string kParts[] = {"'", "\"",   "\n", "\r\n", "\0"s, "\\", "\\0",
                                         "ä", "\xff", "x",  "--",   ";",   "1",  "\xf0\x9f\x90\x9f",
                                         " "};
    static const std::int64_t kIntegers[] = {0, 1, -1, std::numeric_limits<std::int64_t>::min(),
                                             std::numeric_limits<std::int64_t>::max()};
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    static const double kReals[] = {
        0.0,        1.0, -1.5, 1e20, kInfinity,
        -kInfinity, 0.1, 1e15, 1e16, std::numeric_limits<double>::max()};
    switch (random_.below(8)) {
      case 0:
        return ValueView::null();
      case 1:
        return ValueView::of_integer(one_of(kIntegers));
      case 2:
        return ValueView::of_integer(static_cast<std::int64_t>(random_.next()));
      case 3:
        return ValueView::of_real(one_of(kReals));
      case 4: {
        const std::uint64_t exponent = random_.below(2047);
        return ValueView::of_real(
            std::bit_cast<double>(exponent << 52 | (random_.next() & 0x800fffffffffffff)));
      }
      case 5:
        for (std::uint64_t n = random_.below(300); n > 0; n--) {
          bytes += static_cast<char>(random_.next());
        }
        return ValueView::of_blob(bytes);
      default:
        for (std::uint64_t n = random_.below(12); n > 0; n--) bytes += one_of(kParts);
        return ValueView::of_text(bytes);
    }
  }

  Random random_;
};

TEST(DumpOfAnythingTest, AnEmptyDatabaseThatRanTheDumpEqualsTheOriginal) {
  const std::uint64_t first = random_from_system();
  for (std::uint64_t seed = first; seed < first + 60; seed++) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Database original;
    RandomDatabase(seed).fill(original);
    expect_reload_equals(original);
    if (::testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace rqlite::sqlite
