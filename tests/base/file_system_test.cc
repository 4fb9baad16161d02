#include "base/file_system.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace rqlite {
namespace {

class PosixFileSystemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "file-system-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  FileSystem& files_ = posix_file_system();
  std::string root_;
};

TEST_F(PosixFileSystemTest, WritesAndReadsBack) {
  auto file = files_.open(root_ + "/a", FileSystem::Open::kCreateOrTruncate);
  ASSERT_TRUE(file.ok());
  // More parts than one call of the system takes, some of them empty.
  const Bytes part = "abc";
  std::vector<iovec> parts;
  for (int i = 0; i < 3000; i++) {
    parts.push_back({const_cast<char*>(part.data()), static_cast<std::size_t>(i % 4)});
  }
  ASSERT_TRUE((*file)->write(5, parts).ok());
  ASSERT_TRUE((*file)->sync_data().ok());
  EXPECT_EQ(*(*file)->size(), 5u + 750 * 6);
  Bytes read(10000, '?');
  EXPECT_EQ(*(*file)->read(5, read.data(), read.size()), 750u * 6);
  EXPECT_EQ(read.substr(0, 12), "aababcaababc");
}

TEST_F(PosixFileSystemTest, TellsWhatIsMissing) {
  auto missing = files_.open(root_ + "/nope", FileSystem::Open::kExisting);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error(),
            Status(Code::kFailed, "open " + root_ + "/nope: no such file or directory"));
  EXPECT_FALSE(*files_.exists(root_ + "/nope"));
  EXPECT_TRUE(files_.remove(root_ + "/nope").ok());
}

TEST_F(PosixFileSystemTest, AStampTellsAFileFromItsSuccessor) {
  ASSERT_TRUE(files_.replace_file(root_ + "/a", "one").ok());
  const FileStamp first = *files_.stamp(root_ + "/a");
  EXPECT_EQ(first.size, 3u);
  EXPECT_EQ(*files_.stamp(root_ + "/a"), first);
  // Of the same size, and of the same age to whoever believes the time that a copy was given.
  ASSERT_TRUE(files_.replace_file(root_ + "/b", "two").ok());
  std::filesystem::last_write_time(root_ + "/b", std::filesystem::last_write_time(root_ + "/a"));
  ASSERT_TRUE(files_.rename(root_ + "/b", root_ + "/a").ok());
  const FileStamp second = *files_.stamp(root_ + "/a");
  EXPECT_EQ(second.modified, first.modified);
  EXPECT_NE(second, first);
  std::filesystem::create_symlink(root_ + "/a", root_ + "/link");
  EXPECT_EQ(*files_.stamp(root_ + "/link"), second);
  EXPECT_EQ(files_.stamp(root_ + "/nope").status(),
            Status(Code::kFailed, "stat " + root_ + "/nope: no such file or directory"));
}

TEST_F(PosixFileSystemTest, TellsFilesFromDirectories) {
  using Kind = FileSystem::Kind;
  ASSERT_TRUE(files_.replace_file(root_ + "/file", "").ok());
  std::filesystem::create_symlink(root_ + "/file", root_ + "/link");
  std::filesystem::create_symlink(root_ + "/nothing", root_ + "/dangling");
  ASSERT_EQ(mkfifo((root_ + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(*files_.kind(root_), Kind::kDirectory);
  EXPECT_EQ(*files_.kind(root_ + "/file"), Kind::kFile);
  EXPECT_EQ(*files_.kind(root_ + "/link"), Kind::kFile);
  EXPECT_EQ(*files_.kind(root_ + "/dangling"), Kind::kNothing);
  EXPECT_EQ(*files_.kind(root_ + "/file/in"), Kind::kNothing);
  EXPECT_EQ(*files_.kind(root_ + "/pipe"), Kind::kOther);
}

TEST_F(PosixFileSystemTest, RemovesADirectoryWithAllThatIsInIt) {
  ASSERT_TRUE(files_.make_directories(root_ + "/x/y").ok());
  ASSERT_TRUE(files_.replace_file(root_ + "/x/y/a", "one").ok());
  ASSERT_TRUE(files_.replace_file(root_ + "/kept", "").ok());
  std::filesystem::create_symlink(root_ + "/kept", root_ + "/x/link");
  EXPECT_TRUE(files_.remove_all(root_ + "/x").ok());
  EXPECT_TRUE(files_.remove_all(root_ + "/x").ok());
  EXPECT_EQ(*files_.list(root_), std::vector<std::string>{"kept"});
  EXPECT_TRUE(files_.remove_all(root_ + "/kept").ok());
  EXPECT_FALSE(*files_.exists(root_ + "/kept"));
}

TEST_F(PosixFileSystemTest, ListsRenamesAndReplaces) {
  ASSERT_TRUE(files_.make_directories(root_ + "/x/y").ok());
  ASSERT_TRUE(files_.make_directories(root_ + "/x/y").ok());
  ASSERT_TRUE(files_.replace_file(root_ + "/x/b", "one").ok());
  ASSERT_TRUE(files_.replace_file(root_ + "/x/b", "two").ok());
  ASSERT_TRUE(files_.rename(root_ + "/x/b", root_ + "/x/a").ok());
  EXPECT_EQ(*files_.list(root_ + "/x"), (std::vector<std::string>{"a", "y"}));
  EXPECT_EQ(*files_.read_file(root_ + "/x/a"), "two");
  EXPECT_GT(*files_.free_bytes(root_), 0u);
}

TEST_F(PosixFileSystemTest, ReservesRoom) {
  auto file = files_.open(root_ + "/big", FileSystem::Open::kCreateOrTruncate);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->reserve(1 << 20).ok());
  EXPECT_EQ(*(*file)->size(), 1u << 20);
  ASSERT_TRUE((*file)->truncate(10).ok());
  EXPECT_EQ(*(*file)->size(), 10u);
}

TEST_F(PosixFileSystemTest, AFileInTheWayIsAnError) {
  ASSERT_TRUE(files_.replace_file(root_ + "/file", "x").ok());
  EXPECT_EQ(files_.make_directories(root_ + "/file/sub").code(), Code::kFailed);
}

}  // namespace
}  // namespace rqlite
