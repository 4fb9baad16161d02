#include "base/slot_file.h"

#include <gtest/gtest.h>

#include "fakes/sim_file_system.h"

namespace rqlite {
namespace {

constexpr const char* kPath = "/data/slot";

class SlotFileTest : public ::testing::Test {
 protected:
  SlotFileTest() { EXPECT_TRUE(files_.make_directories("/data").ok()); }

  Bytes value() {
    Result<SlotFile> file = SlotFile::open(files_, kPath, "initial");
    return file.ok() ? file->value() : file.error().text();
  }

  SimFileSystem files_;
};

TEST_F(SlotFileTest, IsMadeWithItsInitialValue) {
  EXPECT_EQ(value(), "initial");
  EXPECT_EQ(value(), "initial");
}

TEST_F(SlotFileTest, KeepsTheLastValue) {
  {
    Result<SlotFile> file = SlotFile::open(files_, kPath, "initial");
    ASSERT_TRUE(file.ok());
    for (const char* next : {"one", "two", ""}) ASSERT_TRUE(file->replace(next).ok());
    EXPECT_EQ(file->value(), "");
  }
  EXPECT_EQ(value(), "");
}

TEST_F(SlotFileTest, TakesValuesUpToItsBound) {
  const Bytes large(SlotFile::kValueBytesMax, 'x');
  {
    Result<SlotFile> file = SlotFile::open(files_, kPath, large);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->replace(Bytes(SlotFile::kValueBytesMax, 'y')).ok());
  }
  EXPECT_EQ(value(), Bytes(SlotFile::kValueBytesMax, 'y'));
}

// Whatever a power cut leaves, one of the two last values is there.
TEST_F(SlotFileTest, SurvivesAPowerCutAtEveryStep) {
  for (std::uint64_t seed = 1; seed <= 400; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    SimFileSystem files;
    ASSERT_TRUE(files.make_directories("/data").ok());
    Bytes acknowledged;  // empty: not even made
    Bytes attempted = "0";
    files.freeze_after(random.below(40));
    if (Result<SlotFile> file = SlotFile::open(files, kPath, attempted); file.ok()) {
      acknowledged = attempted;
      for (int i = 1; i < 30; i++) {
        attempted = Bytes(static_cast<std::size_t>(random.below(3000)), static_cast<char>('a' + i));
        if (!file->replace(attempted).ok()) break;
        acknowledged = attempted;
      }
    }
    files.crash(SimFileSystem::Crash::kPower, random);
    Result<SlotFile> file = SlotFile::open(files, kPath, "fresh");
    ASSERT_TRUE(file.ok()) << file.error().text();
    if (acknowledged.empty()) continue;
    EXPECT_TRUE(file->value() == acknowledged || file->value() == attempted);
  }
}

// Whoever has seen a value may build on it, also if the process that wrote it died before its time.
TEST_F(SlotFileTest, AValueThatWasReadSurvivesAPowerCut) {
  for (std::uint64_t seed = 1; seed <= 400; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    SimFileSystem files;
    ASSERT_TRUE(files.make_directories("/data").ok());
    files.freeze_after(random.below(8));
    if (Result<SlotFile> file = SlotFile::open(files, kPath, "one"); file.ok()) {
      (void)file->replace("two");
    }
    files.crash(SimFileSystem::Crash::kProcess, random);
    Bytes seen;
    {
      Result<SlotFile> file = SlotFile::open(files, kPath, "three");
      ASSERT_TRUE(file.ok());
      seen = file->value();
    }
    files.crash(SimFileSystem::Crash::kPower, random);
    Result<SlotFile> file = SlotFile::open(files, kPath, "four");
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(file->value(), seen);
  }
}

TEST_F(SlotFileTest, SaysWhichCopyIsDamagedIfTheOtherOneIsIntact) {
  {
    Result<SlotFile> file = SlotFile::open(files_, kPath, "one");
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(file->damaged_at(), std::nullopt);  // the other one has never been written
    ASSERT_TRUE(file->replace("two").ok());
  }
  {
    auto file = files_.open(kPath, FileSystem::Open::kExisting);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->write(20, "x").ok());
  }
  Result<SlotFile> file = SlotFile::open(files_, kPath, "fresh");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->value(), "one");
  EXPECT_EQ(file->damaged_at(), 0U);
}

TEST_F(SlotFileTest, SaysSoWhenBothCopiesAreDamaged) {
  EXPECT_EQ(value(), "initial");
  {
    auto file = files_.open(kPath, FileSystem::Open::kExisting);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->write(0, Bytes(128 * 1024, '\x55')).ok());
  }
  EXPECT_EQ(value(), "/data/slot is damaged: neither of its copies is intact");
}

}  // namespace
}  // namespace rqlite
