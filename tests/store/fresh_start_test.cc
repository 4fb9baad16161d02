#include "store/fresh_start.h"

#include <gtest/gtest.h>

#include "fakes/sim_file_system.h"
#include "store/identity.h"

namespace rqlite::store {
namespace {

const DatabaseFiles kPaths("/data");

void put(SimFileSystem& files, const std::string& path) {
  EXPECT_TRUE(files.make_directories(parent_directory(path)).ok());
  EXPECT_TRUE(files.replace_file(path, path).ok());
}

// What a member has.
void fill(SimFileSystem& files) {
  put(files, kPaths.main());
  put(files, kPaths.wal());
  put(files, kPaths.log() + "/1.seg");
  put(files, kPaths.set_aside(7));
  EXPECT_TRUE(read_or_make_raft_id(files, kPaths).ok());
}

// The directory is like an empty one, and all that counts is put away.
void check_is_fresh(SimFileSystem& files) {
  for (const std::string& gone :
       {kPaths.main(), kPaths.wal(), kPaths.set_aside(7), kPaths.fresh_start()}) {
    EXPECT_FALSE(*files.exists(gone)) << gone;
  }
  EXPECT_EQ(*files.kind(kPaths.raft()), FileSystem::Kind::kNothing);
  EXPECT_TRUE(*has_put_away(files, kPaths));
  const DatabaseFiles away(kPaths.put_away());
  EXPECT_EQ(*files.read_file(away.main()), kPaths.main());
  EXPECT_EQ(*files.read_file(away.log() + "/1.seg"), kPaths.log() + "/1.seg");
}

TEST(FreshStartTest, NothingIsPutAwayThatWasNotDecided) {
  SimFileSystem files;
  fill(files);
  EXPECT_FALSE(*make_fresh_start(files, kPaths));
  EXPECT_FALSE(*has_put_away(files, kPaths));
  EXPECT_EQ(*files.read_file(kPaths.main()), kPaths.main());
}

TEST(FreshStartTest, WhatTheNodeHadIsPutAwayAndItsRaftIdIsAnother) {
  SimFileSystem files;
  fill(files);
  const raft::RaftId before = *read_or_make_raft_id(files, kPaths);
  ASSERT_TRUE(decide_fresh_start(files, kPaths).ok());
  EXPECT_TRUE(*make_fresh_start(files, kPaths));
  check_is_fresh(files);
  ASSERT_TRUE(files.make_directories(kPaths.raft()).ok());
  EXPECT_NE(*read_or_make_raft_id(files, kPaths), before);
  // Once.
  EXPECT_FALSE(*make_fresh_start(files, kPaths));
}

TEST(FreshStartTest, WhatWasPutAwayIsForgotten) {
  SimFileSystem files;
  fill(files);
  ASSERT_TRUE(decide_fresh_start(files, kPaths).ok());
  ASSERT_TRUE(make_fresh_start(files, kPaths).ok());
  ASSERT_TRUE(forget_put_away(files, kPaths).ok());
  EXPECT_FALSE(*has_put_away(files, kPaths));
  EXPECT_TRUE(forget_put_away(files, kPaths).ok());
}

TEST(FreshStartTest, ASecondRemovalFindsTheWayFree) {
  SimFileSystem files;
  for (int i = 0; i < 2; i++) {
    fill(files);
    ASSERT_TRUE(decide_fresh_start(files, kPaths).ok());
    ASSERT_TRUE(make_fresh_start(files, kPaths).ok());
    check_is_fresh(files);
  }
}

// A process that dies anywhere in the midst: the next start goes on.
TEST(FreshStartTest, ACrashAtEveryStepLeavesOneOfTheTwo) {
  std::uint64_t steps = 0;
  {
    SimFileSystem files;
    fill(files);
    const std::uint64_t before = files.operations();
    ASSERT_TRUE(decide_fresh_start(files, kPaths).ok());
    ASSERT_TRUE(make_fresh_start(files, kPaths).ok());
    steps = files.operations() - before;
  }
  int undecided = 0;
  for (std::uint64_t at = 0; at < steps; at++) {
    SCOPED_TRACE("operation " + std::to_string(at));
    SimFileSystem files;
    fill(files);
    files.freeze_after(at);
    const bool decided = decide_fresh_start(files, kPaths).ok();
    if (decided) {
      EXPECT_FALSE(make_fresh_start(files, kPaths).ok());
    }
    Random random(at + 1);
    files.crash(SimFileSystem::Crash::kProcess, random);
    const Result<bool> made = make_fresh_start(files, kPaths);
    ASSERT_TRUE(made.ok()) << made.error().text();
    if (*made || *has_put_away(files, kPaths)) {
      check_is_fresh(files);
    } else {
      EXPECT_FALSE(decided);
      EXPECT_EQ(*files.read_file(kPaths.main()), kPaths.main());
      undecided++;
    }
  }
  EXPECT_GT(undecided, 0);
}

}  // namespace
}  // namespace rqlite::store
