#include "store/snapshotter.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "sqlite/connection.h"
#include "store/machine_fixture.h"

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

TestEntry insert(int i) {
  return {{{"INSERT INTO t(v, b) VALUES(" + std::to_string(i) + ", hex(randomblob(700)))"}}};
}

const TestEntry kCreate = {
    {{"CREATE TABLE t(id INTEGER PRIMARY KEY, v, b, at DEFAULT CURRENT_TIMESTAMP)"}}};

// Every snapshot goes through both steps, unless a test says otherwise.
MachineOnDisk::Options in_two_steps() {
  MachineOnDisk::Options options;
  options.snapshots.held_bytes_max = 0;
  return options;
}

class SnapshotterTest : public ::testing::Test {
 protected:
  // What a database is that applied the same entries and never crashed.
  static std::string expected(const std::vector<TestEntry>& entries) {
    SimFileSystem files;
    MachineOnDisk machine(files, {});
    EXPECT_TRUE(machine.open().ok());
    for (const TestEntry& entry : entries) EXPECT_TRUE(machine.apply(entry).ok());
    return machine.dump();
  }

  std::uint64_t wal_bytes() {
    auto file = files_.open("/data/db.sqlite-wal", FileSystem::Open::kReadOnly);
    return file.ok() ? *(*file)->size() : 0;
  }

  SimFileSystem files_;
};

TEST_F(SnapshotterTest, MainFileHoldsEverythingUpToTheSnapshotAndNothingMore) {
  MachineOnDisk machine(files_, in_two_steps());
  ASSERT_TRUE(machine.open().ok());
  ASSERT_TRUE(machine.apply(kCreate).ok());
  ASSERT_TRUE(machine.apply(insert(1)).ok());
  ASSERT_TRUE(machine.snapshot().ok());
  EXPECT_EQ(machine.snapshot_index(), 2u);
  ASSERT_TRUE(machine.apply(insert(2)).ok());
  machine.close();
  // A restart discards the WAL: what is left is the snapshot.
  ASSERT_TRUE(machine.open().ok());
  EXPECT_EQ(machine.index(), 2u);
  EXPECT_EQ(machine.dump(), expected({kCreate, insert(1)}));
}

TEST_F(SnapshotterTest, WalStartsAgainAfterASnapshot) {
  MachineOnDisk machine(files_, in_two_steps());
  ASSERT_TRUE(machine.open().ok());
  ASSERT_TRUE(machine.apply(kCreate).ok());
  for (int i = 0; i < 50; i++) ASSERT_TRUE(machine.apply(insert(i)).ok());
  const std::uint64_t frames = machine.writer().connection().wal_position().frames;
  ASSERT_TRUE(machine.snapshot().ok());
  ASSERT_TRUE(machine.apply(insert(99)).ok());
  EXPECT_LT(machine.writer().connection().wal_position().frames, frames / 4);
}

TEST_F(SnapshotterTest, NothingNewIsSaidSo) {
  MachineOnDisk machine(files_, in_two_steps());
  ASSERT_TRUE(machine.open().ok());
  ASSERT_TRUE(machine.apply(kCreate).ok());
  ASSERT_TRUE(machine.snapshot().ok());
  bool nothing_new = false;
  machine.snapshotter().request(
      [&](const Snapshotter::Outcome& outcome) { nothing_new = outcome.nothing_new; });
  ASSERT_TRUE(machine.poll().ok());
  EXPECT_TRUE(nothing_new);
}

// Entries that write nothing advance the snapshot; the WAL still holds its old frames then, and
// restarts with the next write, which no guard could prevent.
TEST_F(SnapshotterTest, EntriesThatWriteNothingAdvanceTheSnapshot) {
  MachineOnDisk machine(files_, in_two_steps());
  ASSERT_TRUE(machine.open().ok());
  ASSERT_TRUE(machine.apply(kCreate).ok());
  ASSERT_TRUE(machine.snapshot().ok());
  const TestEntry failing = {{{"INSERT INTO nowhere VALUES(1)"}}};
  for (int i = 0; i < 3; i++) ASSERT_TRUE(machine.apply(failing).ok());
  ASSERT_TRUE(machine.snapshot().ok());
  EXPECT_EQ(machine.snapshot_index(), 4u);
  for (int i = 0; i < 20; i++) ASSERT_TRUE(machine.apply(insert(i)).ok());
  ASSERT_TRUE(machine.snapshot().ok());
  machine.close();
  ASSERT_TRUE(machine.open().ok());
  EXPECT_EQ(machine.index(), 24u);
  EXPECT_EQ(machine.dump().substr(0, 3), "ok|");
}

TEST_F(SnapshotterTest, IsTakenWhenEnoughEntriesOrBytesCameAndTheIntervalIsOver) {
  MachineOnDisk::Options options = in_two_steps();
  options.snapshots.entries_max = 5;
  options.snapshots.interval = 10s;
  MachineOnDisk machine(files_, options);
  ASSERT_TRUE(machine.open().ok());
  ASSERT_TRUE(machine.apply(kCreate).ok());
  for (int i = 0; i < 10; i++) ASSERT_TRUE(machine.apply(insert(i)).ok());
  EXPECT_EQ(machine.snapshot_index(), 0u);
  machine.clock().advance(10s);
  ASSERT_TRUE(machine.poll().ok());
  EXPECT_EQ(machine.snapshot_index(), 11u);
}

TEST_F(SnapshotterTest, AGreatWalDoesNotWaitForTheInterval) {
  MachineOnDisk::Options options = in_two_steps();
  options.snapshots.urgent_wal_bytes = 64 * 1024;
  MachineOnDisk machine(files_, options);
  ASSERT_TRUE(machine.open().ok());
  ASSERT_TRUE(machine.apply(kCreate).ok());
  for (int i = 0; i < 200; i++) ASSERT_TRUE(machine.apply(insert(i)).ok());
  EXPECT_GT(machine.snapshot_index(), 100u);
  EXPECT_LT(wal_bytes(), 256u * 1024);
}

// A reader that keeps an old view stops the checkpoint; nothing is lost, and it is tried again.
TEST_F(SnapshotterTest, AReaderInTheWayDelaysTheSnapshotAndHarmsNothing) {
  MachineOnDisk machine(files_, in_two_steps());
  ASSERT_TRUE(machine.open().ok());
  ASSERT_TRUE(machine.apply(kCreate).ok());
  ASSERT_TRUE(machine.apply(insert(1)).ok());
  std::vector<TestEntry> entries = {kCreate, insert(1)};
  {
    auto reader =
        sqlite::Connection::open_reader(machine.paths().main(), false, machine.vfs_name());
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE((*reader)->execute("BEGIN; SELECT count(*) FROM t").ok());
    for (int i = 2; i < 30; i++) {
      entries.push_back(insert(i));
      ASSERT_TRUE(machine.apply(entries.back()).ok());
    }
    EXPECT_EQ(machine.snapshot().code(), Code::kUnavailable);
    EXPECT_EQ(machine.snapshotter().counters().blocked, 1u);
    for (int i = 30; i < 40; i++) {
      entries.push_back(insert(i));
      ASSERT_TRUE(machine.apply(entries.back()).ok());
    }
    machine.clock().advance(1s);
    EXPECT_EQ(machine.snapshot().code(), Code::kUnavailable);
    ASSERT_TRUE((*reader)->execute("ROLLBACK").ok());
  }
  machine.clock().advance(1s);
  ASSERT_TRUE(machine.snapshot().ok());
  EXPECT_EQ(machine.snapshot_index(), entries.size());
  machine.close();
  ASSERT_TRUE(machine.open().ok());
  EXPECT_EQ(machine.dump(), expected(entries));
}

TEST_F(SnapshotterTest, CountsAFrameThatItMovedOnceHoweverOftenItTries) {
  MachineOnDisk machine(files_, in_two_steps());
  ASSERT_TRUE(machine.open().ok());
  const Snapshotter::Counters& counters = machine.snapshotter().counters();
  ASSERT_TRUE(machine.apply(kCreate).ok());
  {
    auto reader =
        sqlite::Connection::open_reader(machine.paths().main(), false, machine.vfs_name());
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE((*reader)->execute("BEGIN; SELECT count(*) FROM t").ok());
    for (int i = 0; i < 30; i++) ASSERT_TRUE(machine.apply(insert(i)).ok());
    EXPECT_EQ(machine.snapshot().code(), Code::kUnavailable);
    EXPECT_EQ(counters.partial_checkpoints, 1u);
    ASSERT_TRUE((*reader)->execute("ROLLBACK").ok());
  }
  const std::uint64_t few = counters.moved_frames;
  const std::uint64_t all = (wal_bytes() - 32) / (24 + 4096);
  EXPECT_LT(few, all);
  machine.clock().advance(1s);
  ASSERT_TRUE(machine.snapshot().ok());
  EXPECT_EQ(counters.moved_frames, all);
  // Into a WAL that has begun again.
  ASSERT_TRUE(machine.apply(insert(30)).ok());
  ASSERT_TRUE(machine.snapshot().ok());
  EXPECT_GT(counters.moved_frames, all);
  EXPECT_LT(counters.moved_frames, 2 * all);
}

// A session that is replaced (a PRAGMA ended it) forgets nothing of what the WAL holds.
// What cannot be copied for want of room stays in the WAL, and is copied when there is room.
TEST_F(SnapshotterTest, AFullDiskDelaysTheSnapshotAndHarmsNothing) {
  // With a key the journal needs room first.
  using Case = std::pair<bool, std::string>;
  for (const auto& [in_one_step, key] :
       {Case(false, ""), Case(true, ""), Case(false, "a key"), Case(true, "a key")}) {
    SimFileSystem files;
    MachineOnDisk::Options options;
    options.snapshots.held_bytes_max = in_one_step ? 1 << 30 : 0;
    MachineOnDisk machine(files, options);
    ASSERT_TRUE(machine.open().ok());
    std::vector<TestEntry> entries = {kCreate};
    ASSERT_TRUE(machine.apply(kCreate).ok());
    for (int i = 0; i < 100; i++) {
      entries.push_back(insert(i));
      ASSERT_TRUE(machine.apply(entries.back()).ok());
    }
    entries.push_back({{{"INSERT INTO t(v) VALUES(1)"}, false, key}});
    ASSERT_TRUE(machine.apply(entries.back()).ok());
    files.set_capacity(0);
    EXPECT_EQ(machine.snapshot().code(), Code::kDiskFull);
    EXPECT_EQ(machine.snapshotter().counters().failed_checkpoints, key.empty() ? 1u : 0u);
    EXPECT_EQ(machine.snapshot_index(), 0u);
    files.set_capacity(std::nullopt);
    for (int i = 100; i < 105; i++) {
      entries.push_back(insert(i));
      ASSERT_TRUE(machine.apply(entries.back()).ok());
    }
    EXPECT_EQ(machine.snapshot_index(), 0u);  // not at once
    machine.clock().advance(1s);
    ASSERT_TRUE(machine.snapshot().ok());
    const std::string kept = machine.kept();
    EXPECT_EQ(kept.find("a key") != std::string::npos, !key.empty());
    machine.close();
    ASSERT_TRUE(machine.open().ok());
    EXPECT_EQ(machine.index(), entries.size());
    EXPECT_EQ(machine.dump(), expected(entries));
    EXPECT_EQ(machine.kept(), kept);
  }
}

TEST_F(SnapshotterTest, CountsWhatCameBeforeTheWriterWasReplaced) {
  MachineOnDisk machine(files_, in_two_steps());
  ASSERT_TRUE(machine.open().ok());
  ASSERT_TRUE(machine.apply(kCreate).ok());
  ASSERT_TRUE(machine.apply(insert(1)).ok());
  ASSERT_TRUE(machine.apply({{{"PRAGMA cache_size=100"}}}).ok());
  ASSERT_TRUE(machine.snapshot().ok());
  machine.close();
  ASSERT_TRUE(machine.open().ok());
  EXPECT_EQ(machine.index(), 3u);
  EXPECT_EQ(machine.dump(), expected({kCreate, insert(1)}));
}

// The workload of the crash tests: inserts, deletes that free pages, a vacuum, requests of which
// something is kept, a reader in the way for a while, and snapshots of both kinds in between.
enum class Steps { kTwo, kTwoWithWritesBetween, kOneHeld };

class SnapshotCrashTest : public ::testing::TestWithParam<Steps> {
 protected:
  static MachineOnDisk::Options options() {
    MachineOnDisk::Options options;
    if (GetParam() != Steps::kOneHeld) options.snapshots.held_bytes_max = 0;
    options.helper_is_slow = GetParam() == Steps::kTwoWithWritesBetween;
    return options;
  }

  static std::vector<TestEntry> workload() {
    std::vector<TestEntry> entries = {kCreate};
    for (int i = 0; i < 6; i++) entries.push_back(insert(i));
    entries.push_back({{{"DELETE FROM t WHERE v < 4"}}});
    entries.push_back(
        {{{"INSERT INTO t(v) VALUES(100)"}, false, "a key"}, {{"INSERT INTO nowhere VALUES(1)"}}});
    entries.push_back(forwarded(insert(200), {1, 100, 1, 1}));
    for (int i = 6; i < 10; i++) entries.push_back(insert(i));
    entries.push_back(forwarded(insert(201), {1, 100, 2, 1}));
    entries.push_back({{{"PRAGMA cache_size=50"}}});
    entries.push_back(
        replacement_by("CREATE TABLE t(id INTEGER PRIMARY KEY, v, b); CREATE TABLE u(x); "
                       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 9) "
                       "INSERT INTO t(v, b) SELECT i, hex(zeroblob(3000)) FROM n"));
    entries.push_back(
        {{{"UPDATE t SET b = NULL WHERE v = 7", "INSERT INTO t(v) VALUES(changes())"}}});
    entries.push_back({{{"VACUUM"}, false, "another key"}});
    entries.push_back(forwarded(insert(201), {1, 100, 2, 1}));
    entries.push_back(forwarded(insert(202), {1, 100, 3, 2}));
    entries.push_back(forwarded(insert(203), {1, 101, 1, 1}));
    entries.push_back(forwarded(insert(202), {1, 100, 3, 2}));
    entries.push_back({{{"INSERT INTO t(v) VALUES(100)"}, false, "a key"},
                       {{"INSERT INTO t(v) VALUES(101)"}, false, "a key"}});
    for (int i = 10; i < 13; i++) entries.push_back(insert(i));
    add_pieces(entries);
    return entries;
  }

  // Databases that come through the log: given up, of a leader that is gone, and whole.
  static void add_pieces(std::vector<TestEntry>& entries) {
    const std::string sql =
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v, b); CREATE TABLE w(x); "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 9) "
        "INSERT INTO t(v, b) SELECT 2 * i, hex(zeroblob(2000)) FROM n";
    entries.push_back(piece_of(sql, 21, 1, 3));
    entries.push_back(insert(300));
    entries.push_back(piece_of(sql, 21, 2, 3));
    entries.push_back(give_up(21));
    entries.push_back(piece_of(sql, 22, 1, 2));
    entries.push_back(new_term());
    entries.push_back(piece_of(sql, 22, 2, 2));
    entries.push_back(piece_of(sql, 23, 1, 4));
    entries.push_back(member_comes(2));
    entries.push_back(piece_of(sql, 23, 2, 4));
    entries.push_back(insert(301));
    entries.push_back(replacement_by_pieces(sql, 22));
    entries.push_back(piece_of(sql, 23, 3, 4));
    entries.push_back(piece_of(sql, 23, 4, 4));
    entries.push_back(insert(302));
    entries.push_back(replacement_by_pieces(sql, 23));
    entries.push_back(insert(303));
  }

  // All that a snapshot keeps.
  static std::string content_of(MachineOnDisk& machine) { return machine.dump() + machine.kept(); }

  // Applies `entries` from where the machine stands. Not ok: the disk froze under it.
  static Status run(MachineOnDisk& machine, const std::vector<TestEntry>& entries) {
    std::unique_ptr<sqlite::Connection> reader;
    while (machine.index() < entries.size()) {
      const std::size_t i = machine.index();
      RETURN_IF_ERROR(machine.apply(entries[i]));
      if (i == 5) {
        auto opened =
            sqlite::Connection::open_reader(machine.paths().main(), false, machine.vfs_name());
        if (!opened.ok()) return opened.error();
        reader = std::move(*opened);
        if (!reader->execute("BEGIN; SELECT 1 FROM sqlite_schema").ok())
          return {Code::kFailed, "frozen"};
      }
      if (i == 9) reader.reset();
      machine.clock().advance(std::chrono::seconds(1));
      if (i % 3 == 1) {
        const Status taken = i % 2 == 0 ? machine.begin_snapshot() : machine.snapshot();
        if (!taken.ok() && taken.code() != Code::kUnavailable) return taken;
      }
    }
    return {};
  }
};

// What a disk may keep differs at each crash; threads race the same way in all of them, so that
// where races are looked for, which is slow, one each does.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ONE_CRASH_PER_STEP
#endif
#endif
std::vector<std::uint64_t> seeds_at(std::uint64_t step) {
#ifdef ONE_CRASH_PER_STEP
  return {step % 4};
#else
  (void)step;
  return {0, 1, 2, 3};
#endif
}

// Whatever step the crash comes at, and whatever of the unsynced reaches the disk: the node starts,
// its content is that of the snapshot it says it has, and replaying the log leads to the same end.
TEST_P(SnapshotCrashTest, ACrashAtEveryStepLosesNothing) {
  const std::vector<TestEntry> entries = workload();
  std::string wanted;
  std::vector<std::string> at_index;
  std::uint64_t steps = 0;
  {
    SimFileSystem files;
    MachineOnDisk machine(files, options());
    ASSERT_TRUE(machine.open().ok());
    ASSERT_TRUE(run(machine, entries).ok());
    wanted = content_of(machine);
    steps = files.operations();
  }
  {
    SimFileSystem files;
    MachineOnDisk machine(files, {});
    ASSERT_TRUE(machine.open().ok());
    at_index.push_back(content_of(machine));
    for (const TestEntry& entry : entries) {
      ASSERT_TRUE(machine.apply(entry).ok());
      at_index.push_back(content_of(machine));
    }
  }
  ASSERT_EQ(at_index.back(), wanted);
  ASSERT_GT(steps, 100u);

  std::uint64_t finished_by_restart = 0;
  for (std::uint64_t step = 0; step <= steps; step++) {
    for (const std::uint64_t seed : seeds_at(step)) {
      SCOPED_TRACE("crash after " + std::to_string(step) + " operations, seed " +
                   std::to_string(seed));
      SimFileSystem files;
      std::uint64_t before = 0;
      {
        MachineOnDisk machine(files, options());
        files.freeze_after(step);
        if (machine.open().ok()) {
          (void)run(machine, entries);
          before = machine.snapshot_index();
        }
      }
      Random random(step * 10 + seed);
      files.crash(seed == 0 ? SimFileSystem::Crash::kProcess : SimFileSystem::Crash::kPower,
                  random);
      MachineOnDisk machine(files, options());
      const Status opened = machine.open();
      ASSERT_TRUE(opened.ok()) << opened.text();
      const std::uint64_t index = machine.index();
      ASSERT_GE(index, before);
      if (index > before) finished_by_restart++;
      ASSERT_EQ(content_of(machine), at_index[index]);
      ASSERT_TRUE(run(machine, entries).ok());
      ASSERT_EQ(content_of(machine), wanted);
    }
  }
  EXPECT_GT(finished_by_restart, 0u);
}

// An error of the disk at any step ends the snapshotter, and a restart is sound.
TEST_P(SnapshotCrashTest, AnErrorAtEveryStepEndsInAnErrorNotInDamage) {
  const std::vector<TestEntry> entries = workload();
  std::string wanted;
  std::uint64_t steps = 0;
  {
    SimFileSystem files;
    MachineOnDisk machine(files, options());
    ASSERT_TRUE(machine.open().ok());
    ASSERT_TRUE(run(machine, entries).ok());
    wanted = content_of(machine);
    steps = files.operations();
  }
  for (std::uint64_t step = 0; step <= steps; step++) {
    SCOPED_TRACE("error at operation " + std::to_string(step));
    SimFileSystem files;
    {
      MachineOnDisk machine(files, options());
      files.fail_after(step, EIO);
      if (machine.open().ok()) (void)run(machine, entries);
    }
    Random random(step);
    files.crash(SimFileSystem::Crash::kPower, random);
    MachineOnDisk machine(files, options());
    const Status opened = machine.open();
    ASSERT_TRUE(opened.ok()) << opened.text();
    ASSERT_TRUE(run(machine, entries).ok());
    ASSERT_EQ(content_of(machine), wanted);
  }
}

INSTANTIATE_TEST_SUITE_P(, SnapshotCrashTest,
                         ::testing::Values(Steps::kTwo, Steps::kTwoWithWritesBetween,
                                           Steps::kOneHeld));

TEST_F(SnapshotterTest, AFrozenMainFileStaysAsItIsWhileWritesGoOn) {
  MachineOnDisk machine(files_, in_two_steps());
  ASSERT_TRUE(machine.open().ok());
  ASSERT_TRUE(machine.apply(kCreate).ok());
  ASSERT_TRUE(machine.apply(insert(1)).ok());
  std::unique_ptr<FrozenMain> frozen = machine.freeze();
  ASSERT_NE(frozen, nullptr);
  EXPECT_EQ(frozen->record().index.value(), machine.index() + 1);
  const auto content = [&] {
    Bytes bytes(*frozen->size(), '\0');
    EXPECT_EQ(*frozen->read(0, bytes.data(), bytes.size()), bytes.size());
    return bytes;
  };
  const Bytes before = content();
  for (int i = 0; i < 300; i++) ASSERT_TRUE(machine.apply(insert(i)).ok());
  EXPECT_EQ(machine.snapshot().code(), Code::kUnavailable);
  EXPECT_EQ(content(), before);
  EXPECT_EQ(machine.freeze(), nullptr);  // one at a time
  frozen.reset();
  ASSERT_TRUE(machine.snapshot().ok());
  EXPECT_EQ(machine.snapshot_index(), 302u);
}

TEST_F(SnapshotterTest, AFrozenMainFileMayOutliveTheMachine) {
  MachineOnDisk machine(files_, {});
  ASSERT_TRUE(machine.open().ok());
  ASSERT_TRUE(machine.apply(kCreate).ok());
  const std::unique_ptr<FrozenMain> frozen = machine.freeze();
  ASSERT_NE(frozen, nullptr);
  machine.close();
  EXPECT_GT(*frozen->size(), 0u);
}

}  // namespace
}  // namespace rqlite::store
