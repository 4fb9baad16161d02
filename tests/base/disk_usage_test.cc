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
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1 KiB");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes((1 << 20) - 1), "1 MiB");
  EXPECT_EQ(format_bytes(20u << 20), "20 MiB");
  EXPECT_EQ(format_bytes(UINT64_MAX), "16 EiB");
}

}  // namespace
}  // namespace rqlite
