#include "sqlite/extension_folder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fakes/sim_file_system.h"

namespace rqlite::sqlite {
namespace {

// Sources in /from, the folder at /data/extensions.
class ExtensionFolderTest : public ::testing::Test {
 protected:
  ExtensionFolderTest() { EXPECT_TRUE(files_.make_directories("/from/directory").ok()); }

  void put(const std::string& path, const std::string& content) {
    ASSERT_TRUE(files_.replace_file(path, content).ok());
  }
  // The paths, separated by blanks; or "error: " and the text.
  std::string fill(const std::vector<std::string>& sources) {
    const Result<Extensions> filled = fill_extension_folder(files_, sources, kFolder);
    if (!filled.ok()) return "error: " + filled.error().text();
    std::string paths;
    for (const std::string& path : *filled) paths += (paths.empty() ? "" : " ") + path;
    return paths;
  }
  std::vector<std::string> names() { return *files_.list(kFolder); }

  static constexpr const char* kFolder = "/data/extensions";
  SimFileSystem files_;
};

TEST_F(ExtensionFolderTest, HoldsFilesAndWhatIsInDirectoriesInOrderOfName) {
  const std::string large(600'000, 'x');
  put("/from/z.so", "z");
  put("/from/directory/b.so", large);
  put("/from/directory/a.so", "a");
  put("/from/directory/.hidden", "h");
  EXPECT_EQ(fill({"/from/z.so", "/from/directory"}),
            "/data/extensions/a.so /data/extensions/b.so /data/extensions/z.so");
  EXPECT_EQ(names(), (std::vector<std::string>{"a.so", "b.so", "z.so"}));
  EXPECT_EQ(*files_.read_file("/data/extensions/b.so"), large);
}

TEST_F(ExtensionFolderTest, IsThereEvenIfItIsEmpty) {
  EXPECT_EQ(fill({}), "");
  EXPECT_EQ(names(), std::vector<std::string>());
  EXPECT_EQ(fill({"/from/directory"}), "");
}

TEST_F(ExtensionFolderTest, OfEqualNamesTheLastCounts) {
  put("/from/a.so", "file");
  put("/from/directory/a.so", "directory");
  fill({"/from/a.so", "/from/directory"});
  EXPECT_EQ(*files_.read_file("/data/extensions/a.so"), "directory");
  fill({"/from/directory", "/from/a.so"});
  EXPECT_EQ(*files_.read_file("/data/extensions/a.so"), "file");
}

TEST_F(ExtensionFolderTest, IsReplacedAsAWhole) {
  put("/from/a.so", "a");
  put("/from/b.so", "b");
  fill({"/from/a.so"});
  EXPECT_EQ(fill({"/from/b.so"}), "/data/extensions/b.so");
  EXPECT_EQ(names(), std::vector<std::string>{"b.so"});
}

TEST_F(ExtensionFolderTest, MayBeItsOwnSource) {
  put("/from/a.so", "a");
  fill({"/from/a.so"});
  EXPECT_EQ(fill({kFolder}), "/data/extensions/a.so");
  EXPECT_EQ(*files_.read_file("/data/extensions/a.so"), "a");
}

TEST_F(ExtensionFolderTest, StaysAsItIsIfASourceFails) {
  put("/from/a.so", "a");
  fill({"/from/a.so"});
  put("/from/b.zip", "PK\x03\x04 and nothing more");
  put("/from/c.tgz", "\x1f\x8b\x08 and nothing more");
  EXPECT_TRUE(
      fill({"/from/b.zip"}).starts_with("error: failed to load extensions from zip file: "));
  EXPECT_TRUE(
      fill({"/from/c.tgz"}).starts_with("error: failed to load extensions from tar.gz file: "));
  EXPECT_EQ(fill({"/from/missing"}),
            "error: failed to load extension from file: /from/missing is not a file");
  EXPECT_EQ(names(), std::vector<std::string>{"a.so"});
  EXPECT_FALSE(*files_.exists("/data/extensions.new"));
}

TEST_F(ExtensionFolderTest, TellsWhatFailedWhenTheDiskIsFull) {
  put("/from/directory/a.so", std::string(1000, 'a'));
  put("/from/b.so", std::string(1000, 'b'));
  files_.set_capacity(2500);
  EXPECT_EQ(fill({"/from/directory"}).substr(0, 49),
            "error: failed to load extensions from directory: ");
  EXPECT_EQ(fill({"/from/b.so"}).substr(0, 43), "error: failed to load extension from file: ");
}

// Each operation of the file system fails once; either way the folder is all old or all new.
TEST_F(ExtensionFolderTest, IsNeverHalfOfBoth) {
  put("/from/a.so", "a");
  put("/from/b.so", "b");
  for (std::uint64_t failing = 0;; failing++) {
    ASSERT_EQ(fill({"/from/a.so"}), "/data/extensions/a.so");
    files_.fail_after(failing, EIO);
    const std::string filled = fill({"/from/b.so"});
    files_.fail_after(1'000'000, EIO);
    if (!filled.starts_with("error: ")) {
      EXPECT_EQ(names(), std::vector<std::string>{"b.so"});
      break;
    }
    // Between the removal of the old one and the renaming of the new one there is none.
    if (!*files_.exists(kFolder)) continue;
    EXPECT_EQ(names(), std::vector<std::string>{"a.so"});
  }
}

}  // namespace
}  // namespace rqlite::sqlite
