#include "base/disk_usage.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace rqlite {
namespace {

TEST(DiskUsageTest, SumsTheFilesBelowADirectory) {
  std::string pattern = ::testing::TempDir() + "usage-XXXXXX";
  const std::filesystem::path folder = mkdtemp(pattern.data());
  EXPECT_EQ(bytes_in(folder), 0u);
  std::filesystem::create_directories(folder / "a" / "b");
  std::ofstream(folder / "one") << "12345";
  std::ofstream(folder / "a" / "b" / "two") << "678";
  EXPECT_EQ(bytes_in(folder), 8u);
  EXPECT_EQ(bytes_in(folder / "one"), 5u);
  EXPECT_EQ(bytes_in(folder / "none"), 0u);
  std::filesystem::remove_all(folder);
}

TEST(DiskUsageTest, BytesAreShownInTheLargestUnitThatFits) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1000), "1.0 kB");
  EXPECT_EQ(format_bytes(4096), "4.1 kB");
  EXPECT_EQ(format_bytes(9949), "9.9 kB");
  EXPECT_EQ(format_bytes(9999), "10 kB");
  EXPECT_EQ(format_bytes(999'499), "999 kB");
  EXPECT_EQ(format_bytes(999'999), "1.0 MB");
  EXPECT_EQ(format_bytes(33'000'000), "33 MB");
  EXPECT_EQ(format_bytes(UINT64_MAX), "18 EB");
}

}  // namespace
}  // namespace rqlite
