#include "sqlite/connection.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "sqlite/entry_vfs.h"

namespace rqlite::sqlite {
namespace {

// 2021-10-22 19:39:32.016 UTC.
constexpr std::int64_t kMoment = 1634931572016;

std::string to_text(const ValueView& value) {
  switch (value.type) {
    case ValueType::kNull:
      return "NULL";
    case ValueType::kInteger:
      return std::to_string(value.integer);
    case ValueType::kReal:
      return std::to_string(value.real);
    case ValueType::kText:
    case ValueType::kBlob:
      return std::string(value.bytes);
  }
  return "?";
}

// Runs all of `sql` as a client's. The rows, values separated by "|" and rows by ",", or "error: "
// and the text.
std::string run(Connection& connection, std::string_view sql, Fault* fault = nullptr) {
  std::string rows;
  while (!sql.empty()) {
    Error error;
    Statement statement = connection.prepare(sql, false, error);
    while (error.ok() && statement.has_value()) {
      if (statement.step(error) != Statement::Step::kRow) break;
      if (!rows.empty()) rows += ',';
      for (int i = 0; i < statement.column_count(); i++) {
        if (i > 0) rows += '|';
        rows += to_text(statement.column(i));
      }
    }
    if (!error.ok()) {
      if (fault != nullptr) *fault = error.fault;
      return "error: " + error.text;
    }
  }
  return rows;
}

// A replica's database in a folder of its own.
class Replica {
 public:
  explicit Replica(bool foreign_keys = false) : foreign_keys_(foreign_keys) {
    std::string pattern = ::testing::TempDir() + "connection-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    reopen();
  }
  ~Replica() {
    reader_.reset();
    writer_.reset();
    std::filesystem::remove_all(folder_);
  }
  Replica(const Replica&) = delete;

  void reopen() {
    writer_.reset();
    auto opened = Connection::open_writer(folder_ + "/db", vfs_, foreign_keys_);
    EXPECT_TRUE(opened.ok()) << opened.status().text();
    writer_ = std::move(*opened);
  }

  // Runs `sql` as an entry with this time and seed would.
  std::string apply(std::string_view sql, std::int64_t time = kMoment, std::uint64_t seed = 7) {
    vfs_.set_time(time);
    writer_->seed(seed);
    return run(*writer_, sql, &fault_);
  }

  Connection& reader() {
    if (!reader_) {
      auto opened = Connection::open_reader(folder_ + "/db", foreign_keys_);
      EXPECT_TRUE(opened.ok()) << opened.status().text();
      reader_ = std::move(*opened);
    }
    return *reader_;
  }
  Connection& writer() { return *writer_; }
  [[nodiscard]] Fault fault() const { return fault_; }

 private:
  const bool foreign_keys_;
  std::string folder_;
  EntryVfs vfs_;
  std::unique_ptr<Connection> writer_;
  std::unique_ptr<Connection> reader_;
  Fault fault_ = Fault::kNone;
};

class ConnectionTest : public ::testing::Test {
 protected:
  std::string apply(std::string_view sql) { return replica_.apply(sql); }
  Connection& writer() { return replica_.writer(); }

  Replica replica_;
};

// Time and chance.

TEST_F(ConnectionTest, TheClockShowsTheTimeOfTheEntry) {
  EXPECT_EQ(apply("SELECT CURRENT_TIMESTAMP, CURRENT_DATE, CURRENT_TIME"),
            "2021-10-22 19:39:32|2021-10-22|19:39:32");
  EXPECT_EQ(apply("SELECT datetime('now', '+1 day'), strftime('%f', 'now')"),
            "2021-10-23 19:39:32|32.016");
  EXPECT_EQ(replica_.apply("SELECT datetime('now')", 0), "1970-01-01 00:00:00");
  EXPECT_EQ(replica_.apply("SELECT datetime('now')", -1000), "1969-12-31 23:59:59");
}

TEST_F(ConnectionTest, LocalTimeIsUtcWhereverTheNodeLives) {
  use_utc_as_localtime();
  setenv("TZ", "Asia/Kolkata", 1);
  tzset();
  EXPECT_EQ(apply("SELECT datetime('now', 'localtime'), datetime('now', 'utc')"),
            "2021-10-22 19:39:32|2021-10-22 19:39:32");
  unsetenv("TZ");
  tzset();
}

// A list of statements whose outcome depends on time and chance in every way we know of.
const char* const kHistory[] = {
    "CREATE TABLE t(id INTEGER PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP,"
    " r INTEGER DEFAULT (random()), b BLOB DEFAULT (randomblob(9)))",
    "CREATE TABLE log(at TEXT, r INTEGER, id INTEGER)",
    "CREATE TRIGGER tr AFTER INSERT ON t BEGIN"
    " INSERT INTO log VALUES(datetime('now'), abs(random() % 1000), new.id); END",
    "INSERT INTO t DEFAULT VALUES",
    "INSERT INTO t(id) VALUES(10),(11),(12),(13),(14),(15)",
    "UPDATE t SET r = random() WHERE id IN (SELECT id FROM t ORDER BY random() LIMIT 3)",
    "DELETE FROM t WHERE id = (SELECT id FROM t ORDER BY randomblob(4) LIMIT 1)",
    "INSERT INTO log SELECT strftime('%J', 'now'), random(), id FROM t",
};

std::string content(Replica& replica) {
  return replica.apply("SELECT id, at, r, hex(b) FROM t ORDER BY id") + ";" +
         replica.apply("SELECT at, r, id FROM log ORDER BY rowid");
}

std::string content_after_history(std::int64_t time, std::uint64_t seed) {
  Replica replica;
  for (const char* sql : kHistory) EXPECT_EQ(replica.apply(sql, time++, seed++), "") << sql;
  return content(replica);
}

TEST_F(ConnectionTest, EqualTimesAndSeedsGiveEqualContent) {
  EXPECT_EQ(content_after_history(kMoment, 1), content_after_history(kMoment, 1));
}

TEST_F(ConnectionTest, OtherTimesOrSeedsGiveOtherContent) {
  EXPECT_NE(content_after_history(kMoment, 1), content_after_history(kMoment + 86400000, 1));
  EXPECT_NE(content_after_history(kMoment, 1), content_after_history(kMoment, 2));
}

TEST_F(ConnectionTest, RandomGivesAnotherValueEachTime) {
  EXPECT_EQ(apply("SELECT random() = random(), randomblob(8) = randomblob(8)"), "0|0");
  EXPECT_EQ(apply("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c LIMIT 1000) "
                  "SELECT count(DISTINCT random()) FROM c"),
            "1000");
}

TEST_F(ConnectionTest, RandomblobHasTheSizeThatSqliteGivesIt) {
  EXPECT_EQ(apply("SELECT length(randomblob(20)), length(randomblob(3)), length(randomblob(0)), "
                  "length(randomblob(-5)), length(randomblob(NULL)), typeof(randomblob(1))"),
            "20|3|1|1|1|blob");
  EXPECT_EQ(apply("SELECT randomblob(9223372036854775807)"), "error: string or blob too big");
  EXPECT_EQ(replica_.fault(), Fault::kStatement);
}

TEST_F(ConnectionTest, TheSequenceGoesOnWhereItWasLeft) {
  writer().seed(3);
  run(writer(), "SELECT random()");
  const EntryRandom middle = writer().random();
  const std::string next = run(writer(), "SELECT random()");
  writer().set_random(middle);
  EXPECT_EQ(run(writer(), "SELECT random()"), next);
}

TEST_F(ConnectionTest, RowidsBehindTheLargestAreThoseOfTheSeed) {
  apply("CREATE TABLE t(id INTEGER PRIMARY KEY, n)");
  apply("INSERT INTO t VALUES(9223372036854775807, 0)");
  const char* insert = "INSERT INTO t(n) VALUES(1), (2), (3) RETURNING id";
  writer().seed(3);
  const EntryRandom start = writer().random();
  run(writer(), "BEGIN");
  const std::string first = run(writer(), insert);
  const std::string second = run(writer(), insert);
  EXPECT_NE(first, second);
  run(writer(), "ROLLBACK");
  // What SQLite draws for itself in between, as for names of its files, changes nothing.
  run(writer(), "BEGIN");
  writer().set_random(start);
  EXPECT_EQ(run(writer(), insert), first);
  run(writer(), "SELECT x FROM (SELECT 1 AS x UNION SELECT 2) ORDER BY x DESC");
  EXPECT_EQ(run(writer(), insert), second);
  run(writer(), "COMMIT");
  EXPECT_EQ(apply("SELECT count(*) FROM t"), "7");
  writer().seed(4);
  const std::string other = run(writer(), insert);
  EXPECT_NE(other, first);
  EXPECT_NE(other, second);
}

TEST_F(ConnectionTest, CountersThatAreRestoredMoveNoRowid) {
  apply("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  apply("INSERT INTO t VALUES(9223372036854775807)");
  writer().seed(3);
  const EntryRandom start = writer().random();
  const std::string first = run(writer(), "INSERT INTO t DEFAULT VALUES RETURNING id");
  run(writer(), "DELETE FROM t WHERE id < 9223372036854775807");
  writer().set_random(start);
  ASSERT_TRUE(writer().restore_counters({1, 5, 9}).ok());
  EXPECT_EQ(run(writer(), "INSERT INTO t DEFAULT VALUES RETURNING id"), first);
}

// Counters.

TEST_F(ConnectionTest, AnotherConnectionMayTakeOverTheCounters) {
  apply("CREATE TABLE t(x INTEGER PRIMARY KEY)");
  apply("INSERT INTO t VALUES(5),(6),(7)");
  apply("UPDATE t SET x = x + 100 WHERE x < 7");
  const ChangeCounters before = writer().counters();
  EXPECT_EQ(before, (ChangeCounters{7, 2, 5}));
  const std::string seen = apply("SELECT last_insert_rowid(), changes(), total_changes()");
  EXPECT_EQ(seen, "7|2|5");

  replica_.reopen();
  EXPECT_EQ(writer().counters(), ChangeCounters());
  ASSERT_TRUE(writer().restore_counters(before).ok());
  EXPECT_EQ(writer().counters(), before);
  EXPECT_EQ(apply("SELECT last_insert_rowid(), changes(), total_changes()"), seen);
  apply("INSERT INTO t VALUES(1)");
  EXPECT_EQ(writer().counters(), (ChangeCounters{1, 1, 6}));
}

TEST_F(ConnectionTest, RestoringCountersLeavesNoTrace) {
  apply("CREATE TABLE t(x)");
  for (const std::int64_t changes : {3, 1, 0, 1000}) {
    const ChangeCounters wanted{-4, changes, 5000};
    ASSERT_TRUE(writer().restore_counters(wanted).ok());
    EXPECT_EQ(writer().counters(), wanted);
  }
  EXPECT_TRUE(writer().is_autocommit());
  EXPECT_FALSE(writer().session_changed());
  EXPECT_EQ(apply("SELECT count(*) FROM sqlite_temp_master"), "0");
  EXPECT_EQ(apply("SELECT count(*) FROM t"), "0");
}

// What is refused.

TEST_F(ConnectionTest, StatementsThatBelongToTheServerAreRefused) {
  for (const char* sql :
       {"PRAGMA journal_mode=DELETE", "PRAGMA main.synchronous=FULL", "PRAGMA wal_checkpoint",
        "PRAGMA query_only=1", "PRAGMA writable_schema=1", "ATTACH ':memory:' AS m", "DETACH main",
        "EXPLAIN PRAGMA journal_mode=DELETE"}) {
    EXPECT_EQ(apply(sql), "error: not authorized") << sql;
    EXPECT_EQ(replica_.fault(), Fault::kStatement);
  }
  EXPECT_EQ(apply("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(apply("PRAGMA synchronous"), "0");
}

TEST_F(ConnectionTest, VacuumRunsOnceItIsAllowed) {
  apply("CREATE TABLE t(x)");
  EXPECT_EQ(apply("VACUUM"), "error: authorization denied");
  writer().set_vacuum_allowed(true);
  EXPECT_EQ(apply("VACUUM"), "");
  writer().set_vacuum_allowed(false);
  EXPECT_EQ(apply("ATTACH ':memory:' AS m"), "error: not authorized");
}

TEST_F(ConnectionTest, AReaderCannotWrite) {
  apply("CREATE TABLE t(x)");
  for (const char* sql : {"INSERT INTO t VALUES(1)", "CREATE TABLE u(x)", "DROP TABLE t",
                          "PRAGMA user_version=1", "ANALYZE", "CREATE TEMP TABLE u(x)"}) {
    Fault fault = Fault::kNone;
    EXPECT_EQ(run(replica_.reader(), sql, &fault), "error: attempt to write a readonly database")
        << sql;
    EXPECT_EQ(fault, Fault::kReadOnly) << sql;
  }
  EXPECT_EQ(run(replica_.reader(), "PRAGMA query_only=0"), "error: not authorized");
  EXPECT_EQ(run(replica_.reader(), "SELECT count(*) FROM t"), "0");
}

TEST_F(ConnectionTest, TheSchemaCannotBeDamagedThroughSql) {
  apply("CREATE TABLE t(x)");
  EXPECT_EQ(apply("DELETE FROM sqlite_master"), "error: table sqlite_master may not be modified");
}

// What is noticed.

TEST_F(ConnectionTest, NoticesWhatChangesTheSession) {
  apply("CREATE TABLE t(x)");
  for (const char* sql :
       {"CREATE TEMP TABLE a(x)", "CREATE TEMP VIEW b AS SELECT 1",
        "CREATE TEMP TRIGGER c AFTER INSERT ON main.t BEGIN SELECT 1; END",
        "CREATE INDEX temp.d ON a(x)", "PRAGMA case_sensitive_like=ON", "PRAGMA foreign_keys=ON",
        "PRAGMA cache_size=100", "CREATE VIRTUAL TABLE temp.f USING fts5(x)"}) {
    EXPECT_FALSE(writer().take_session_changed());
    EXPECT_EQ(apply(sql), "") << sql;
    EXPECT_TRUE(writer().session_changed()) << sql;
    EXPECT_TRUE(writer().take_session_changed()) << sql;
  }
}

TEST_F(ConnectionTest, WhatLivesInTheDatabaseIsNoChangeOfTheSession) {
  for (const char* sql :
       {"CREATE TABLE t(x)", "INSERT INTO t VALUES(1)", "PRAGMA user_version=7",
        "PRAGMA application_id(3)", "PRAGMA table_info(t)", "PRAGMA foreign_keys",
        "PRAGMA integrity_check(1)", "CREATE VIEW v AS SELECT 1", "SELECT * FROM v ORDER BY 1"}) {
    apply(sql);
    EXPECT_FALSE(writer().take_session_changed()) << sql;
  }
}

class VirtualTableTest : public ConnectionTest {
 protected:
  VirtualTableTest() {
    apply("CREATE TABLE t(x)");
    apply("CREATE VIRTUAL TABLE Docs USING fts5(body)");
    writer().take_virtual_table_written();
  }
  // Whether `sql` counts as a write to a virtual table.
  bool writes(const char* sql) {
    EXPECT_EQ(apply(sql).rfind("error", 0), std::string::npos) << sql;
    return writer().take_virtual_table_written();
  }
};

TEST_F(VirtualTableTest, NoticesWritesToOne) {
  EXPECT_TRUE(writes("INSERT INTO docs VALUES('a')"));
  EXPECT_TRUE(writes("UPDATE DOCS SET body = 'b'"));
  EXPECT_TRUE(writes("DELETE FROM \"docs\""));
  EXPECT_TRUE(writes("DROP TABLE docs"));
  EXPECT_TRUE(writes("CREATE VIRTUAL TABLE r USING rtree(id, a, b)"));
  EXPECT_TRUE(writes("INSERT INTO r VALUES(1, 2, 3)"));
}

TEST_F(VirtualTableTest, NoticesWritesThroughTriggers) {
  apply("CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO docs VALUES(new.x); END");
  EXPECT_TRUE(writes("INSERT INTO t VALUES('a')"));
}

TEST_F(VirtualTableTest, ReadsAndOtherTablesAreNoWrites) {
  EXPECT_FALSE(writes("SELECT * FROM docs"));
  EXPECT_FALSE(writes("INSERT INTO t VALUES(1)"));
  EXPECT_FALSE(writes("INSERT INTO t SELECT body FROM docs"));
}

TEST_F(VirtualTableTest, KnowsThoseThatWereThereWhenItOpened) {
  replica_.reopen();
  EXPECT_FALSE(writes("SELECT 1"));
  EXPECT_TRUE(writes("INSERT INTO docs VALUES('a')"));
}

TEST_F(VirtualTableTest, KnowsThemByTheirNewNames) {
  apply("ALTER TABLE docs RENAME TO papers");
  writer().take_virtual_table_written();
  EXPECT_TRUE(writes("INSERT INTO papers VALUES('a')"));
}

TEST(ForeignKeysTest, DeferredViolationsAreSeenBeforeTheCommit) {
  Replica replica(/*foreign_keys=*/true);
  EXPECT_TRUE(replica.writer().foreign_keys());
  replica.apply("CREATE TABLE p(id INTEGER PRIMARY KEY)");
  replica.apply("CREATE TABLE c(p REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
  replica.apply("BEGIN; INSERT INTO c VALUES(1)");
  EXPECT_TRUE(replica.writer().has_deferred_violations());
  EXPECT_FALSE(replica.writer().is_autocommit());
  replica.apply("INSERT INTO p VALUES(1)");
  EXPECT_FALSE(replica.writer().has_deferred_violations());
  EXPECT_EQ(replica.apply("COMMIT"), "");
  EXPECT_TRUE(replica.writer().is_autocommit());
}

// Faults.

TEST_F(ConnectionTest, ATableWithoutAnIdLeftIsTheStatementsOwnFault) {
  apply("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)");
  apply("INSERT INTO t VALUES(9223372036854775807)");
  EXPECT_EQ(apply("INSERT INTO t VALUES(NULL)"), "error: database or disk is full");
  EXPECT_EQ(replica_.fault(), Fault::kStatement);
}

// The default VFS, but that no write finds room once it is told so. One at a time.
class FullDisk {
 public:
  FullDisk() {
    base_ = sqlite3_vfs_find(nullptr);
    vfs_ = *base_;
    vfs_.zName = "full-disk";
    vfs_.xOpen = [](sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out) {
      const int code = base_->xOpen(base_, path, file, flags, out);
      if (code == SQLITE_OK) file->pMethods = watched(file->pMethods);
      return code;
    };
    EXPECT_EQ(sqlite3_vfs_register(&vfs_, 0), SQLITE_OK);
  }
  ~FullDisk() { sqlite3_vfs_unregister(&vfs_); }
  FullDisk(const FullDisk&) = delete;

  void set_full(bool full) { is_full_ = full; }

 private:
  // Files of several kinds have several tables, all with the same write.
  static const sqlite3_io_methods* watched(const sqlite3_io_methods* original) {
    write_ = original->xWrite;
    sqlite3_io_methods& table = tables_.try_emplace(original, *original).first->second;
    table.xWrite = [](sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
      return is_full_ ? SQLITE_FULL : write_(file, from, size, offset);
    };
    return &table;
  }

  sqlite3_vfs vfs_{};
  static inline sqlite3_vfs* base_ = nullptr;
  static inline decltype(sqlite3_io_methods::xWrite) write_ = nullptr;
  static inline std::map<const sqlite3_io_methods*, sqlite3_io_methods> tables_;
  static inline bool is_full_ = false;
};

TEST(DiskTest, AFullDiskIsThisNodesFaultAndPasses) {
  std::string folder = ::testing::TempDir() + "full-disk-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  FullDisk disk;
  {
    EntryVfs vfs("full-disk");
    auto writer = Connection::open_writer(folder + "/db", vfs, false);
    ASSERT_TRUE(writer.ok());
    EXPECT_EQ(run(**writer, "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)"), "");
    disk.set_full(true);
    Fault fault = Fault::kNone;
    EXPECT_EQ(run(**writer, "INSERT INTO t VALUES(1)", &fault), "error: database or disk is full");
    EXPECT_EQ(fault, Fault::kDiskFull);
    disk.set_full(false);
    EXPECT_EQ(run(**writer, "INSERT INTO t VALUES(9223372036854775807)"), "");
    // The disk that was full before is no excuse.
    run(**writer, "INSERT INTO t VALUES(NULL)", &fault);
    EXPECT_EQ(fault, Fault::kStatement);
  }
  std::filesystem::remove_all(folder);
}

TEST_F(ConnectionTest, AnInterruptedStatementSaysSo) {
  std::string_view sql =
      "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT x FROM c";
  Error error;
  Statement statement = writer().prepare(sql, false, error);
  ASSERT_EQ(statement.step(error), Statement::Step::kRow);
  writer().interrupt();
  Statement::Step step = Statement::Step::kRow;
  while (step == Statement::Step::kRow) step = statement.step(error);
  EXPECT_EQ(error.fault, Fault::kInterrupt);
}

TEST(OpenTest, SaysWhyAFileCannotBeOpened) {
  EntryVfs vfs;
  auto writer = Connection::open_writer("/nonexistent/db", vfs, false);
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error(),
            Status(Code::kFailed, "open /nonexistent/db: unable to open database file"));
  EXPECT_FALSE(Connection::open_reader("/nonexistent/db", false).ok());
}

// The log of changes.

TEST_F(ConnectionTest, CheckpointsOnlyWhenAsked) {
  apply("CREATE TABLE t(x)");
  const std::uint64_t commits = writer().wal_position().commits;
  for (int i = 0; i < 2000; i++) apply("INSERT INTO t VALUES(zeroblob(1000))");
  EXPECT_EQ(writer().wal_position().commits, commits + 2000);
  EXPECT_GT(writer().wal_position().frames, 2000u);
  const auto checkpoint = writer().checkpoint_passive();
  ASSERT_TRUE(checkpoint.ok());
  EXPECT_EQ(checkpoint->wal_frames, static_cast<int>(writer().wal_position().frames));
  EXPECT_EQ(checkpoint->copied_frames, checkpoint->wal_frames);
}

TEST_F(ConnectionTest, AReaderHoldsTheCheckpointBack) {
  apply("CREATE TABLE t(x)");
  run(replica_.reader(), "BEGIN; SELECT count(*) FROM t");
  apply("INSERT INTO t VALUES(1)");
  const auto checkpoint = writer().checkpoint_passive();
  ASSERT_TRUE(checkpoint.ok());
  EXPECT_LT(checkpoint->copied_frames, checkpoint->wal_frames);
  EXPECT_EQ(run(replica_.reader(), "COMMIT; SELECT count(*) FROM t"), "1");
}

TEST_F(ConnectionTest, TellsItsPageSize) { EXPECT_EQ(*writer().page_bytes(), 4096u); }

}  // namespace
}  // namespace rqlite::sqlite
