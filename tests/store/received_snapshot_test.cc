#include "store/received_snapshot.h"

#include <gtest/gtest.h>

#include "store/machine_fixture.h"

namespace rqlite::store {
namespace {

TestEntry insert(int i) {
  return {{{"INSERT INTO t(v, b) VALUES(" + std::to_string(i) + ", hex(randomblob(700)))"}}};
}

// What the sender has in its snapshot, and what is applied to both behind it.
std::vector<TestEntry> before() {
  std::vector<TestEntry> entries = {{{{"CREATE TABLE t(id INTEGER PRIMARY KEY, v, b)"}}}};
  for (int i = 0; i < 20; i++) entries.push_back(insert(i));
  entries.push_back(
      {{{"INSERT INTO t(v) VALUES(100)"}, false, "a key"}, {{"INSERT INTO nowhere VALUES(1)"}}});
  entries.push_back(forwarded(insert(300), {1, 100, 1, 1}));
  entries.push_back(forwarded(insert(301), {1, 100, 2, 1}));
  entries.push_back({{{"PRAGMA foreign_keys=1"}}});
  entries.push_back({{{"DELETE FROM t WHERE v < 5"}}});
  return entries;
}
std::vector<TestEntry> after() {
  return {{{{"INSERT INTO t(v, b) VALUES(changes(), last_insert_rowid())"}}},
          {{{"INSERT INTO t(v) VALUES(100)"}, false, "a key"}},
          forwarded(insert(300), {1, 100, 1, 1}),
          forwarded(insert(302), {1, 100, 3, 2}),
          {{{"CREATE TABLE c(t REFERENCES t)", "INSERT INTO c VALUES(4711)"}}},
          insert(200)};
}

std::string content_of(MachineOnDisk& machine) { return machine.dump() + machine.kept(); }

Status apply_all(MachineOnDisk& machine, const std::vector<TestEntry>& entries) {
  for (const TestEntry& entry : entries) RETURN_IF_ERROR(machine.apply(entry));
  return {};
}

class ReceivedSnapshotTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(sender_.open().ok());
    ASSERT_TRUE(apply_all(sender_, before()).ok());
    ASSERT_TRUE(sender_.snapshot().ok());
    sent_ = sender_.send();
    at_snapshot_ = content_of(sender_);
    ASSERT_TRUE(apply_all(sender_, after()).ok());
    wanted_ = content_of(sender_);
  }

  // What the receiver has applied by itself: part of it, and what only it knows of.
  static Status begin(MachineOnDisk& receiver) {
    RETURN_IF_ERROR(receiver.open());
    for (int i = 0; i < 7; i++) RETURN_IF_ERROR(receiver.apply(before()[i]));
    RETURN_IF_ERROR(receiver.snapshot());
    return receiver.apply({{{"INSERT INTO t(v) VALUES(1)"}, false, "its own key"}});
  }

  SimFileSystem sender_files_;
  MachineOnDisk sender_{sender_files_, {}};
  MachineOnDisk::Sent sent_;
  std::string at_snapshot_;
  std::string wanted_;
};

TEST_F(ReceivedSnapshotTest, TheReceiverGoesOnAsTheSenderDid) {
  SimFileSystem files;
  MachineOnDisk receiver(files, {});
  ASSERT_TRUE(begin(receiver).ok());
  ASSERT_TRUE(receiver.install(sent_).ok());
  EXPECT_EQ(receiver.index(), before().size());
  EXPECT_EQ(receiver.snapshot_index(), before().size());
  EXPECT_EQ(content_of(receiver), at_snapshot_);
  ASSERT_TRUE(apply_all(receiver, after()).ok());
  EXPECT_EQ(content_of(receiver), wanted_);
  ASSERT_TRUE(receiver.snapshot().ok());
  receiver.close();
  ASSERT_TRUE(receiver.open().ok());
  EXPECT_EQ(content_of(receiver), wanted_);
}

TEST_F(ReceivedSnapshotTest, ItTakesThePlaceOfWhatTheDiskHasNoRoomFor) {
  SimFileSystem files;
  MachineOnDisk receiver(files, {});
  ASSERT_TRUE(begin(receiver).ok());
  files.set_capacity(0);
  Status status;
  while (status.ok()) status = receiver.apply(insert(7));  // the WAL has some room left
  ASSERT_EQ(status.code(), Code::kDiskFull);
  files.set_capacity(std::nullopt);
  ASSERT_TRUE(receiver.install(sent_).ok());
  ASSERT_TRUE(apply_all(receiver, after()).ok());
  EXPECT_EQ(content_of(receiver), wanted_);
}

TEST_F(ReceivedSnapshotTest, ASnapshotInProgressIsGivenUp) {
  SimFileSystem files;
  MachineOnDisk::Options options;
  options.snapshots.held_bytes_max = 0;
  options.helper_is_slow = true;
  MachineOnDisk receiver(files, options);
  ASSERT_TRUE(begin(receiver).ok());
  ASSERT_TRUE(receiver.begin_snapshot().ok());
  receiver.run_helper();
  ASSERT_TRUE(receiver.install(sent_).ok());
  ASSERT_TRUE(apply_all(receiver, after()).ok());
  EXPECT_EQ(content_of(receiver), wanted_);
}

// Whatever step the crash comes at, the node has its own snapshot or the other one, and comes to
// the same end.
TEST_F(ReceivedSnapshotTest, ACrashAtEveryStepLeavesOneOrTheOther) {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::string own;
  {
    SimFileSystem files;
    MachineOnDisk receiver(files, {});
    ASSERT_TRUE(begin(receiver).ok());
    first = files.operations();
    ASSERT_TRUE(receiver.install(sent_).ok());
    last = files.operations();
  }
  {
    SimFileSystem files;
    MachineOnDisk receiver(files, {});
    ASSERT_TRUE(begin(receiver).ok());
    receiver.close();
    ASSERT_TRUE(receiver.open().ok());
    own = content_of(receiver);
  }
  std::uint64_t installed = 0;
  for (std::uint64_t step = first; step <= last; step++) {
    for (std::uint64_t seed = 0; seed < 4; seed++) {
      SCOPED_TRACE("crash after " + std::to_string(step) + " operations, seed " +
                   std::to_string(seed));
      SimFileSystem files;
      {
        MachineOnDisk receiver(files, {});
        files.freeze_after(step);
        ASSERT_TRUE(begin(receiver).ok());
        (void)receiver.install(sent_);
      }
      Random random(step * 10 + seed);
      files.crash(seed == 0 ? SimFileSystem::Crash::kProcess : SimFileSystem::Crash::kPower,
                  random);
      MachineOnDisk receiver(files, {});
      const Status opened = receiver.open();
      ASSERT_TRUE(opened.ok()) << opened.text();
      if (receiver.index() == before().size()) {
        installed++;
        ASSERT_EQ(content_of(receiver), at_snapshot_);
      } else {
        ASSERT_EQ(content_of(receiver), own);
        ASSERT_TRUE(receiver.install(sent_).ok());
      }
      ASSERT_TRUE(apply_all(receiver, after()).ok());
      ASSERT_EQ(content_of(receiver), wanted_);
    }
  }
  EXPECT_GT(installed, 0u);
}

}  // namespace
}  // namespace rqlite::store
