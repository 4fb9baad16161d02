#include "store/group_apply.h"

#include <gtest/gtest.h>

#include "store/machine_fixture.h"
#include "store/random_statements.h"

namespace rqlite::store {
namespace {

std::uint32_t number_at(const Bytes& content, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; i++) {
    number = number << 8 | static_cast<unsigned char>(content[at + i]);
  }
  return number;
}

// The pages of the database, but for the counter of transactions in its header, and what nobody
// reads any more in free pages: how many transactions there were is what grouping is about, and
// what was made and dropped in one of them is never written.
Bytes pages(SimFileSystem& files) {
  Result<Bytes> content = files.read_file("/data/db.sqlite");
  EXPECT_TRUE(content.ok());
  for (std::size_t at : {24u, 92u}) content->replace(at, 4, 4, '\0');
  constexpr std::size_t kPage = 4096;
  for (std::size_t trunk = number_at(*content, 32); trunk != 0;) {
    const std::size_t at = (trunk - 1) * kPage;
    trunk = number_at(*content, at);
    const std::size_t leaves = number_at(*content, at + 4);
    for (std::size_t i = 0; i < leaves; i++) {
      content->replace((number_at(*content, at + 8 + 4 * i) - 1) * kPage, kPage, kPage, '\0');
    }
    const std::size_t used = 8 + 4 * leaves;
    content->replace(at + used, kPage - used, kPage - used, '\0');
  }
  return *content;
}

class GroupApplyTest : public ::testing::TestWithParam<bool> {
 protected:
  static MachineOnDisk::Options options() {
    MachineOnDisk::Options options;
    options.foreign_keys = GetParam();
    return options;
  }
};

// The same entries, once each request by itself, once in groups of random length: results and
// content are the same.
TEST_P(GroupApplyTest, GroupedEqualsUngrouped) {
  for (std::uint64_t seed = 1; seed <= seeds(); seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStatements statements(seed);
    Random random(seed * 31);
    std::vector<TestEntry> entries = {RandomStatements::schema()};
    for (int i = 0; i < 40; i++) entries.push_back(statements.entry());

    SimFileSystem lone_files;
    SimFileSystem group_files;
    MachineOnDisk::Options alone = options();
    alone.group_max = 0;
    MachineOnDisk lone(lone_files, alone);
    MachineOnDisk group(group_files, options());
    ASSERT_TRUE(lone.open().ok());
    ASSERT_TRUE(group.open().ok());
    for (std::size_t at = 0; at < entries.size();) {
      const std::size_t size = std::min(1 + random.below(12), entries.size() - at);
      const std::vector<TestEntry> batch(entries.begin() + static_cast<std::ptrdiff_t>(at),
                                         entries.begin() + static_cast<std::ptrdiff_t>(at + size));
      ASSERT_TRUE(group.apply_batch(batch).ok());
      for (std::size_t i = 0; i < size; i++) {
        ASSERT_TRUE(lone.apply(batch[i]).ok());
        ASSERT_EQ(text_of(group.results[i]), text_of(lone.results[0]))
            << "entry " << at + i + 1 << ":\n"
            << sql_of(batch[i]);
      }
      ASSERT_EQ(group.writer().state(), lone.writer().state());
      at += size;
    }
    ASSERT_EQ(group.dump(), lone.dump());
    ASSERT_EQ(group.kept(), lone.kept());
    ASSERT_TRUE(group.snapshot().ok());
    ASSERT_TRUE(lone.snapshot().ok());
    ASSERT_EQ(pages(group_files), pages(lone_files));
  }
}

// Whatever was restarted, snapshotted and grouped how: the log alone decides the content.
TEST_P(GroupApplyTest, ReplicasThatRestartAtDifferentTimesAreEqual) {
  for (std::uint64_t seed = 1; seed <= seeds(); seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStatements statements(seed + 1000);
    std::vector<TestEntry> entries = {RandomStatements::schema()};
    for (int i = 0; i < 40; i++) entries.push_back(statements.entry());
    std::vector<std::string> dumps;
    std::vector<SessionState> sessions;
    for (std::uint64_t replica = 0; replica < 3; replica++) {
      Random random(seed * 31 + replica);
      SimFileSystem files;
      MachineOnDisk machine(files, options());
      ASSERT_TRUE(machine.open().ok());
      while (machine.index() < entries.size()) {
        const std::size_t size = std::min(1 + random.below(9), entries.size() - machine.index());
        const auto first = entries.begin() + static_cast<std::ptrdiff_t>(machine.index());
        ASSERT_TRUE(machine.apply_batch({first, first + static_cast<std::ptrdiff_t>(size)}).ok());
        if (random.chance(0.3)) {
          ASSERT_EQ(machine.snapshot().text(), "");
        }
        if (random.chance(0.2)) {
          machine.close();
          ASSERT_TRUE(machine.open().ok());  // the log from the snapshot on is applied again
        }
      }
      dumps.push_back(machine.dump() + machine.kept());
      sessions.push_back(machine.writer().state());
    }
    ASSERT_EQ(dumps[0], dumps[1]);
    ASSERT_EQ(dumps[0], dumps[2]);
    ASSERT_EQ(sessions[0], sessions[1]);
    ASSERT_EQ(sessions[0], sessions[2]);
  }
}

INSTANTIATE_TEST_SUITE_P(, GroupApplyTest, ::testing::Bool(), [](const auto& each) {
  return each.param ? "ForeignKeysOn" : "ForeignKeysOff";
});

TEST(GroupApply, PlainRequestsShareATransaction) {
  SimFileSystem files;
  MachineOnDisk machine(files, {});
  ASSERT_TRUE(machine.open().ok());
  ASSERT_TRUE(machine.apply({{{"CREATE TABLE t(id INTEGER PRIMARY KEY, v)"}}}).ok());
  const std::uint64_t commits = machine.writer().connection().wal_position().commits;
  ASSERT_TRUE(
      machine.apply_batch(std::vector<TestEntry>(50, {{{"INSERT INTO t(v) VALUES(1)"}}})).ok());
  EXPECT_EQ(machine.writer().connection().wal_position().commits, commits + 1);
}

TEST(GroupApply, AnOpenTransactionEndsWithItsRequestAndIsItsError) {
  SimFileSystem files;
  MachineOnDisk machine(files, {});
  ASSERT_TRUE(machine.open().ok());
  ASSERT_TRUE(machine.apply({{{"CREATE TABLE t(v)"}}}).ok());
  ASSERT_TRUE(
      machine
          .apply_batch({{{{"BEGIN", "INSERT INTO t VALUES(1)"}}}, {{{"INSERT INTO t VALUES(2)"}}}})
          .ok());
  EXPECT_NE(machine.results[0][0].error.find("left a transaction open"), std::string::npos);
  EXPECT_TRUE(machine.results[1][0].ok());
  EXPECT_EQ(machine.dump().substr(machine.dump().find("t:\n")), "t:\n2|\n");
}

// It is settled when a statement is compiled, and ends when the schema is read.
TEST(GroupApply, DeferredForeignKeysDependOnNoRestart) {
  std::vector<SessionState> sessions;
  for (const bool restarts : {false, true}) {
    SimFileSystem files;
    MachineOnDisk machine(files, {.foreign_keys = true, .snapshots = {}});
    ASSERT_TRUE(machine.open().ok());
    ASSERT_TRUE(machine.apply(RandomStatements::schema()).ok());
    ASSERT_TRUE(machine.apply({{{"INSERT INTO child(p) VALUES(1)"}}}).ok());
    if (restarts) {
      ASSERT_TRUE(machine.snapshot().ok());
      machine.close();
      ASSERT_TRUE(machine.open().ok());
    }
    ASSERT_TRUE(
        machine.apply({{{"PRAGMA defer_foreign_keys=1", "INSERT INTO child(q) VALUES(9)"}}}).ok());
    sessions.push_back(machine.writer().state());
  }
  EXPECT_EQ(sessions[0], sessions[1]);
}

// SQLite forgets to end what the virtual table read.
TEST(GroupApply, ARollbackBehindAVirtualTableLeavesNothingThatASnapshotWaitsFor) {
  SimFileSystem files;
  MachineOnDisk machine(files, {});
  ASSERT_TRUE(machine.open().ok());
  ASSERT_TRUE(machine.apply(RandomStatements::schema()).ok());
  ASSERT_TRUE(machine
                  .apply({{.sql = {"SELECT count(*) FROM t", "INSERT INTO words VALUES('a')",
                                   "INSERT OR ROLLBACK INTO parent VALUES(1)"},
                           .transaction = true}})
                  .ok());
  EXPECT_EQ(machine.results[0][0].statements.back().error, "UNIQUE constraint failed: parent.id");
  EXPECT_EQ(machine.snapshot().text(), "");
}

TEST(GroupApply, AFullDiskIsTroubleThatPasses) {
  SimFileSystem files;
  MachineOnDisk machine(files, {});
  ASSERT_TRUE(machine.open().ok());
  ASSERT_TRUE(machine.apply({{{"CREATE TABLE t(v)"}}}).ok());
  files.set_capacity(files.used_bytes() + 4096);
  const Status full = machine.apply_batch(
      {{{{"INSERT INTO t VALUES(hex(randomblob(50000)))"}}}, {{{"INSERT INTO t VALUES(2)"}}}});
  EXPECT_EQ(full.code(), Code::kDiskFull) << full.text();
  files.set_capacity(std::nullopt);
  ASSERT_TRUE(machine.resume().ok());
  EXPECT_EQ(machine.index(), 3u);
  EXPECT_EQ(text_of(machine.results[0]) + text_of(machine.results[1]),
            " id 1 rows 1\n id 2 rows 1\n");
}

}  // namespace
}  // namespace rqlite::store
