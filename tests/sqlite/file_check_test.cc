#include "sqlite/file_check.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/random.h"
#include "fakes/sim_file_system.h"
#include "fakes/sim_vfs.h"
#include "sqlite/connection.h"
#include "sqlite/sql_writer.h"

namespace rqlite::sqlite {
namespace {

using namespace std::string_literals;

const std::string kTables =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT UNIQUE, x);"
    "CREATE INDEX i ON t(x); CREATE TABLE w(k PRIMARY KEY, v) WITHOUT ROWID;"
    "CREATE VIEW v AS SELECT * FROM t;"
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c LIMIT 200)"
    "INSERT INTO t SELECT i, 'name ' || i, zeroblob(i) FROM c;"
    "INSERT INTO t VALUES(1000, 'large', zeroblob(5000));"
    "INSERT INTO w SELECT name, id FROM t; DELETE FROM t WHERE id % 7 = 0;";

class FileCheckTest : public ::testing::Test {
 protected:
  FileCheckTest() {
    std::string pattern = ::testing::TempDir() + "file check?#%-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/db";
  }
  ~FileCheckTest() override { std::filesystem::remove_all(folder_); }

  // The bytes of a database in which `sql` ran.
  std::string database(const std::string& sql) {
    const std::string path = folder_ + "/made";
    sqlite3* raw = nullptr;
    EXPECT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    EXPECT_EQ(sqlite3_close(raw), SQLITE_OK);
    std::stringstream bytes;
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
    std::filesystem::remove(path);
    return bytes.str();
  }

  void write(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }

  // The error for a file with these bytes, or "". Holds the promise not to touch anything.
  std::string check(const std::string& bytes, CheckDepth depth = CheckDepth::kIndexes) {
    write(bytes);
    const Status status = check_file(posix_file_system(), path_, depth);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
    std::stringstream after;
    after << std::ifstream(path_, std::ios::binary).rdbuf();
    EXPECT_EQ(after.str() == bytes, true);
    if (status.ok()) return "";
    EXPECT_EQ(status.code(), Code::kInvalid) << status.text();
    EXPECT_EQ(status.text().find('\n'), std::string::npos) << status.text();
    const std::string prefix = "invalid SQLite data: ";
    EXPECT_TRUE(status.text().starts_with(prefix)) << status.text();
    return status.text().substr(prefix.size());
  }

  // Reads every table and every index of the file at path_.
  void read_all() {
    Result<std::unique_ptr<Connection>> reader = Connection::open_reader(path_, false);
    ASSERT_TRUE(reader.ok()) << reader.status().text();
    const auto rows = [&](const std::string& sql, auto visit) {
      std::string_view rest = sql;
      Error error;
      Statement statement = (*reader)->prepare(rest, false, error);
      while (error.ok() && statement.step(error) == Statement::Step::kRow) {
        for (int i = 0; i < statement.column_count(); i++) (void)statement.column(i);
        visit(statement);
      }
      EXPECT_TRUE(error.ok()) << error.text << " in " << sql;
    };
    rows("SELECT name FROM sqlite_schema WHERE type = 'table'", [&](const Statement& table) {
      const std::string name = quoted_name(table.column(0).bytes);
      const auto nothing = [](const Statement&) {};
      rows("SELECT * FROM " + name, nothing);
      rows("PRAGMA index_list(" + name + ")", [&](const Statement& index) {
        rows("SELECT count(*) FROM " + name + " INDEXED BY " + quoted_name(index.column(1).bytes),
             nothing);
      });
    });
  }

  std::string folder_;
  std::string path_;
};

TEST_F(FileCheckTest, ASoundFileIsTaken) {
  for (const char* mode : {"PRAGMA journal_mode=DELETE;", "PRAGMA journal_mode=WAL;"}) {
    for (const char* page :
         {"PRAGMA page_size=512;", "PRAGMA page_size=4096;", "PRAGMA page_size=65536;",
          "PRAGMA auto_vacuum=FULL;", "PRAGMA encoding='UTF-16';"}) {
      const std::string bytes = database(page + std::string(mode) + kTables);
      EXPECT_EQ(bytes[18], std::string(mode).find("WAL") == std::string::npos ? 1 : 2);
      EXPECT_EQ(check(bytes), "");
      EXPECT_EQ(check(bytes, CheckDepth::kPages), "");
    }
  }
  EXPECT_EQ(check(database("PRAGMA user_version=1")), "");  // no table, but one page
}

TEST_F(FileCheckTest, TheNumberOfPagesOfAncientVersionsIsTheSizeOfTheFile) {
  std::string bytes = database(kTables);
  bytes.replace(28, 4, "\0\0\0\0"s);
  EXPECT_EQ(check(bytes), "");
  bytes.replace(28, 4, "\x12\0\0\0"s);
  bytes.replace(92, 4, "\0\0\0\0"s);
  EXPECT_EQ(check(bytes), "");
  EXPECT_EQ(check(bytes.substr(0, 5000)),
            "file is cut short: it has 5000 bytes, and 2 pages of 4096 bytes take 8192");
}

TEST_F(FileCheckTest, WhatIsNoDatabaseIsNamed) {
  EXPECT_EQ(check(""), "file is empty");
  EXPECT_EQ(check("CREATE TABLE t(x);\n"), "file is not an SQLite database");
  EXPECT_EQ(check("SQLite format 4\0"s + std::string(5000, 'x')), "file is not an SQLite database");
  std::string noise;
  for (Random random(1); noise.size() < 8192;) noise += static_cast<char>(random.next());
  EXPECT_EQ(check(noise), "file is not an SQLite database");  // as one that is encrypted
  EXPECT_EQ(check("SQLite format 3\0"s + std::string(4080, 'x')), "30840 bytes are no page size");
}

TEST_F(FileCheckTest, EveryFileThatIsCutShortIsRefused) {
  const std::string bytes = database("PRAGMA page_size=512; PRAGMA journal_mode=WAL;" + kTables);
  EXPECT_EQ(check(bytes.substr(0, 10)), "file is cut short: it has 10 bytes, and a header has 100");
  EXPECT_EQ(check(bytes.substr(0, 99)), "file is cut short: it has 99 bytes, and a header has 100");
  EXPECT_EQ(check(bytes.substr(0, 100)),
            fmt::format("file is cut short: it has 100 bytes, and {} pages of 512 bytes take {}",
                        bytes.size() / 512, bytes.size()));
  for (std::size_t size = 0; size < bytes.size(); size += 512) {
    for (const std::size_t more : {0, 1, 511}) {
      EXPECT_NE(check(bytes.substr(0, size + more)), "") << size + more;
    }
  }
}

TEST_F(FileCheckTest, AFileThatIsLongerThanItSaysIsRefused) {
  const std::string bytes = database("CREATE TABLE t(x)");
  EXPECT_EQ(check(bytes + "x"),
            "file is longer than its pages: it has 8193 bytes, and 2 pages of "
            "4096 bytes take 8192");
  EXPECT_NE(check(bytes + std::string(4096, '\0')), "");
}

TEST_F(FileCheckTest, AHeaderThatCannotBeIsRefused) {
  const std::string bytes = database(kTables);
  const auto with = [&bytes](std::size_t at, const std::string& part) {
    return std::string(bytes).replace(at, part.size(), part);
  };
  EXPECT_EQ(check(with(16, "\0\0"s)), "0 bytes are no page size");
  EXPECT_EQ(check(with(16, "\x01\0"s)), "256 bytes are no page size");
  EXPECT_EQ(check(with(16, "\x10\x01"s)), "4097 bytes are no page size");
  EXPECT_NE(check(with(16, "\x08\0"s)), "");  // a power of two, but not the right one
  EXPECT_NE(check(with(16, "\0\x01"s)), "");
  EXPECT_EQ(check(with(18, "\3")), "unknown format 3");
  EXPECT_EQ(check(with(19, "\0"s)), "unknown format 0");
  EXPECT_NE(check(with(20, "\xff")), "");
  EXPECT_EQ(check(with(21, "\x41")), "file is not a database");
  EXPECT_EQ(check(with(44, "\0\0\0\x09"s)), "unsupported file format");
  EXPECT_NE(check(with(28, "\x7f\xff\xff\xff")), "");
}

TEST_F(FileCheckTest, TheHeaderAloneTellsWhetherAnythingIsCutOff) {
  const std::string bytes = database(kTables);
  EXPECT_EQ(check(bytes, CheckDepth::kHeader), "");
  EXPECT_EQ(check(bytes + std::string(4096, '\0'), CheckDepth::kHeader), "");
  std::string damaged = bytes;
  damaged.replace(4096, 4096, std::string(4096, '\xee'));
  EXPECT_EQ(check(damaged, CheckDepth::kHeader), "");  // which this does not look at
  EXPECT_NE(check(bytes.substr(0, bytes.size() - 1), CheckDepth::kHeader), "");
  EXPECT_NE(check("x" + bytes.substr(1), CheckDepth::kHeader), "");
  EXPECT_NE(check("", CheckDepth::kHeader), "");
}

TEST_F(FileCheckTest, DamageIsFoundAndToldInOneLine) {
  std::string bytes = database("PRAGMA page_size=512;" + kTables);
  std::string damaged = bytes;
  damaged.replace(512 * 10, 512, std::string(512, '\xee'));
  EXPECT_NE(check(damaged), "");
  EXPECT_NE(check(damaged, CheckDepth::kPages), "");
  // A schema that is none.
  damaged = bytes;
  damaged.replace(damaged.find("CREATE VIEW"), 6, "CRATES");
  EXPECT_TRUE(check(damaged).starts_with("malformed database schema (v)")) << check(damaged);
}

TEST_F(FileCheckTest, AnIndexThatDoesNotFitItsTableIsFound) {
  std::string bytes = database(
      "CREATE TABLE t(a, b); CREATE INDEX i ON t(b);"
      "INSERT INTO t VALUES(1, 'some text'),(2, 'other text')");
  const std::size_t in_index = bytes.rfind("some text");
  ASSERT_GT(in_index, 8192U);
  bytes.replace(in_index, 4, "sane");
  EXPECT_EQ(check(bytes), "row 1 missing from index i");
  EXPECT_EQ(check(bytes, CheckDepth::kPages), "");
}

TEST_F(FileCheckTest, OtherFilesBesideItAreLeftAlone) {
  const std::string bytes = database("PRAGMA journal_mode=WAL;" + kTables);
  write(bytes);
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    std::ofstream(path_ + suffix) << "not of this file";
  }
  EXPECT_EQ(check_file(posix_file_system(), path_).text(), "");
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    std::stringstream after;
    after << std::ifstream(path_ + suffix).rdbuf();
    EXPECT_EQ(after.str(), "not of this file") << suffix;
  }
}

TEST_F(FileCheckTest, AFileThatNobodyMayWriteIsReadAllTheSame) {
  write(database("PRAGMA journal_mode=WAL;" + kTables));
  std::filesystem::permissions(path_, std::filesystem::perms::owner_read);
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::remove);
  EXPECT_EQ(check_file(posix_file_system(), path_).text(), "");
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
}

TEST_F(FileCheckTest, WhatCannotBeReadIsNotCalledInvalid) {
  const Status missing = check_file(posix_file_system(), path_);
  EXPECT_EQ(missing.code(), Code::kFailed);
  EXPECT_NE(missing.text().find("no such file or directory"), std::string::npos) << missing.text();
  const Status directory = check_file(posix_file_system(), folder_);
  EXPECT_EQ(directory.code(), Code::kFailed);
  EXPECT_NE(directory.text().find("is a directory"), std::string::npos) << directory.text();
}

TEST_F(FileCheckTest, ARelativePathIsFineToo) {
  write(database(kTables));
  const std::string path = std::filesystem::relative(path_);
  ASSERT_FALSE(path.starts_with('/'));
  EXPECT_EQ(check_file(posix_file_system(), path).text(), "");
}

TEST_F(FileCheckTest, AnotherFileSystemWillDo) {
  SimFileSystem files;
  const SimVfs vfs(files);
  const auto check_there = [&](const std::string& bytes) {
    EXPECT_TRUE(files.make_directories("/a b").ok());
    auto file = files.open("/a b/db", FileSystem::Open::kCreateOrTruncate);
    EXPECT_TRUE((*file)->write(0, bytes).ok());
    return check_file(files, "/a b/db", CheckDepth::kIndexes, vfs.name());
  };
  const std::string bytes = database("PRAGMA page_size=512; PRAGMA journal_mode=WAL;" + kTables);
  EXPECT_EQ(check_there(bytes).text(), "");
  EXPECT_EQ(check_there(std::string(bytes).replace(5120, 512, 512, '\xee')).code(), Code::kInvalid);
  EXPECT_EQ(files.list("/a b").value(), std::vector<std::string>{"db"});
}

TEST_F(FileCheckTest, TheSchemaOfAStrangerRunsNothing) {
  // Functions that have effects or are not there may not hide in an index or a column.
  const std::string bytes = database(
      "CREATE TABLE t(a, b AS (abs(a)) NOT NULL);"
      "CREATE INDEX i ON t(upper(a)); INSERT INTO t VALUES(1)");
  EXPECT_EQ(check(bytes), "");
  std::string changed = bytes;
  changed.replace(changed.find("upper(a)"), 5, "nofun");
  EXPECT_EQ(check(changed), "unknown function: nofun()");
  // Nor is a CHECK run, whatever it says.
  EXPECT_EQ(check(database("PRAGMA ignore_check_constraints=ON; CREATE TABLE t(a CHECK(a > 5));"
                           "INSERT INTO t VALUES(1)")),
            "");
}

TEST_F(FileCheckTest, WhateverIsTakenCanBeRead) {
  const std::uint64_t seed = random_from_system();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Random random(seed);
  const std::string originals[] = {
      database("PRAGMA page_size=512; PRAGMA journal_mode=WAL;" + kTables),
      database("PRAGMA auto_vacuum=FULL; PRAGMA page_size=1024;" + kTables)};
  int taken = 0;
  constexpr int kTries = 800;
  for (int i = 0; i < kTries && !HasFailure(); i++) {
    std::string bytes = originals[i % 2];
    for (std::uint64_t flips = 1 + random.below(3); flips > 0; flips--) {
      // The first page, with the header and the schema, is where most can go wrong.
      const std::size_t at = random.below(random.chance(0.4) ? 512 : bytes.size());
      bytes[at] = static_cast<char>(random.chance(0.5) ? bytes[at] ^ (1 << random.below(8))
                                                       : random.next());
    }
    const CheckDepth depth = random.chance(0.7) ? CheckDepth::kIndexes : CheckDepth::kPages;
    if (check(bytes, depth).empty()) {
      taken++;
      SCOPED_TRACE(fmt::format("try {}", i));
      read_all();
      for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
    }
  }
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, kTries);
}

}  // namespace
}  // namespace rqlite::sqlite
