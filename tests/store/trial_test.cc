#include "store/trial.h"

#include <gtest/gtest.h>

#include "store/machine_fixture.h"
#include "store/random_statements.h"

namespace rqlite::store {
namespace {

constexpr const char* kEndless =
    "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT i, i FROM n WHERE i < 0";

Bytes request_of(const std::vector<std::string>& sql, command::RequestFlags flags = {}) {
  Bytes batch;
  command::RequestBuilder builder(batch, flags);
  for (const std::string& each : sql) builder.begin_statement(each);
  return batch;
}

class TrialTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(machine_.open().ok());
    ASSERT_TRUE(machine_
                    .apply({{{"CREATE TABLE t(a INTEGER PRIMARY KEY, b)",
                              "CREATE VIRTUAL TABLE words USING fts5(w)",
                              "INSERT INTO t VALUES(1, 1), (2, 2)"}}})
                    .ok());
  }

  // What a trial says if its time is up at the `asked`-th question. The first one comes before
  // everything, then there is one before each statement.
  std::string trial(const std::vector<std::string>& sql, int asked,
                    command::RequestFlags flags = {}) {
    const Bytes batch = command::encode_command(request_of(sql, flags), {});
    const auto ran =
        Trial(machine_.writer())
            .run(command::decode_command(batch)->requests.front(),
                 {.unix_milliseconds = 1'700'000'000'000, .seed = 7}, [&] { return --asked <= 0; });
    EXPECT_TRUE(machine_.writer().connection().is_autocommit());
    if (!ran.ok()) return ran.error().text();
    return *ran ? std::to_string(**ran) : "all";
  }

  static constexpr int kNever = 1'000'000;
  SimFileSystem files_;
  MachineOnDisk machine_{files_, {}};
};

TEST_F(TrialTest, CountsWhatRanInTime) {
  const std::vector<std::string> inserts(4, "INSERT INTO t(b) VALUES(1)");
  EXPECT_EQ(trial(inserts, 1), "context deadline exceeded");
  for (int ran = 0; ran < 4; ran++) EXPECT_EQ(trial(inserts, 2 + ran), std::to_string(ran));
  EXPECT_EQ(trial(inserts, kNever), "all");
}

TEST_F(TrialTest, AStatementIsInterrupted) {
  EXPECT_EQ(trial({"INSERT INTO t(b) VALUES(1)", kEndless, "INSERT INTO t(b) VALUES(2)"}, 100),
            "1");
  EXPECT_EQ(trial({"INSERT INTO t(b) VALUES(1)", kEndless}, 100, {.transaction = true}), "1");
}

TEST_F(TrialTest, AReadOfAUnifiedRequestIsInterrupted) {
  const std::string read =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
  EXPECT_EQ(trial({"INSERT INTO t(b) VALUES(1)", read, "SELECT 1"}, 100, {.unified = true}), "1");
}

TEST_F(TrialTest, EmptyStatementsDoNotCount) {
  EXPECT_EQ(trial({"", "INSERT INTO t(b) VALUES(1)", "", kEndless}, 100), "1");
}

TEST_F(TrialTest, StatementsThatFailHaveRun) {
  EXPECT_EQ(trial({"INSERT INTO nowhere VALUES(1)", "INSERT INTO t VALUES(1, 1)", kEndless}, 100),
            "2");
  // In a transaction nothing runs behind the first that fails.
  EXPECT_EQ(trial({"INSERT INTO t VALUES(1, 1)", kEndless}, 100, {.transaction = true}), "all");
}

TEST_F(TrialTest, GoesOnBehindWhatWouldNotShareATransaction) {
  EXPECT_EQ(trial({"INSERT INTO words VALUES('a')", kEndless}, 100), "1");
  EXPECT_EQ(trial({"CREATE TEMP TABLE x(a)", kEndless}, 100), "1");
  EXPECT_EQ(trial({"INSERT INTO words VALUES('a')", "INSERT INTO t(b) VALUES(1)"}, kNever), "all");
}

TEST_F(TrialTest, EndsWhereItsTransactionDoes) {
  EXPECT_EQ(trial({"INSERT OR ROLLBACK INTO t VALUES(1, 1)", "INSERT INTO t(b) VALUES(1)"}, kNever),
            "all");
  EXPECT_EQ(trial({"INSERT OR ROLLBACK INTO t VALUES(1, 1)"}, kNever, {.transaction = true}),
            "all");
}

TEST_F(TrialTest, WhatControlsTransactionsIsRefused) {
  for (const char* sql : {"BEGIN", "COMMIT", "SAVEPOINT s", "VACUUM", "PRAGMA foreign_keys=1",
                          "VACUUM INTO '/f'", "INSERT INTO t(b) VALUES(1); SELECT 1"}) {
    EXPECT_EQ(trial({sql}, kNever),
              "db_timeout needs statements that run in a transaction, each on its own")
        << sql;
  }
}

// Whatever is tried, and wherever its time is up, it leaves no trace.
TEST(Trial, LeavesEverythingAsItWas) {
  for (std::uint64_t seed = 1; seed <= seeds(); seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStatements statements(seed + 5000);
    Random random(seed);
    MachineOnDisk::Options options;
    options.foreign_keys = random.chance(0.5);
    SimFileSystem tried_files;
    SimFileSystem untried_files;
    MachineOnDisk tried(tried_files, options);
    MachineOnDisk untried(untried_files, options);
    ASSERT_TRUE(tried.open().ok());
    ASSERT_TRUE(untried.open().ok());
    ASSERT_TRUE(tried.apply(RandomStatements::schema()).ok());
    ASSERT_TRUE(untried.apply(RandomStatements::schema()).ok());
    for (std::uint64_t index = 2; index < 42; index++) {
      const TestEntry entry = statements.entry();
      const Bytes bytes = command_of(entry, index);
      const std::optional<command::Command> command = command::decode_command(bytes);
      for (const BytesView request : command->requests) {
        std::uint64_t asked = random.below(8);
        const SessionState before = tried.writer().state();
        (void)Trial(tried.writer()).run(request, command->header, [&] { return asked-- == 0; });
        ASSERT_EQ(tried.writer().state(), before) << sql_of(entry);
      }
      ASSERT_TRUE(tried.apply(entry).ok());
      ASSERT_TRUE(untried.apply(entry).ok());
      ASSERT_EQ(text_of(tried.results[0]), text_of(untried.results[0])) << sql_of(entry);
      ASSERT_EQ(tried.writer().state(), untried.writer().state()) << sql_of(entry);
      if (random.chance(0.1)) {
        ASSERT_TRUE(tried.snapshot().ok());
      }
    }
    ASSERT_EQ(tried.dump() + tried.kept(), untried.dump() + untried.kept());
  }
}

}  // namespace
}  // namespace rqlite::store
