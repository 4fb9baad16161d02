#include "rqlited/open_files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>

namespace rqlite::rqlited {
namespace {

TEST(OpenFilesTest, TheLimitIsRaisedAsFarAsItMay) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  rlimit low = limit;
  low.rlim_cur = 100;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_open_files_limit(), limit.rlim_max);
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(low.rlim_cur, limit.rlim_max);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST(OpenFilesTest, ClientsAndReadsLeaveSomeToTheLog) {
  for (const std::uint64_t limit : {64, 256, 1024, 4096, 1 << 20}) {
    for (const std::size_t wanted : {std::size_t{1}, std::size_t{256}, SIZE_MAX}) {
      const OpenFiles shares = share_open_files(limit, wanted);
      EXPECT_GE(shares.readers, 1u);
      EXPECT_LE(shares.readers, wanted);
      EXPECT_LE(shares.clients + 3 * shares.readers, limit - limit / 8);
    }
  }
}

TEST(OpenFilesTest, WhereThereIsRoomReadsAreAsManyAsTheyAreToBe) {
  EXPECT_EQ(share_open_files(4096, 256).readers, 256u);
  EXPECT_EQ(share_open_files(UINT64_MAX, SIZE_MAX - 1).readers, UINT64_MAX / 8);
}

TEST(OpenFilesTest, NobodyIsLeftWithNothing) {
  EXPECT_EQ(share_open_files(0, 0).clients, 1u);
  EXPECT_EQ(share_open_files(0, 0).readers, 1u);
}

}  // namespace
}  // namespace rqlite::rqlited
