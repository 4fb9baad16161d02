#include "queue/sequence_numbers.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"

namespace rqlite::queue {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kStart = 1'000'000'000'000;  // the time of day when each test begins

WallTime wall(std::uint64_t nanoseconds) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(
      std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds))));
}

// A write of the bound covers 100 numbers in these tests.
class SequenceNumbersTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kBlock = 100;

  SequenceNumbersTest() {
    EXPECT_TRUE(files_.make_directories("/data").ok());
    clock_.set_wall(wall(kStart));
  }

  Result<SequenceNumbers> open() {
    return SequenceNumbers::open(files_, "/data/numbers", clock_, kBlock);
  }
  // The first `count` numbers of a start; the last of them.
  std::uint64_t start_and_take(std::uint64_t count) {
    Result<SequenceNumbers> numbers = open();
    EXPECT_TRUE(numbers.ok());
    std::uint64_t last = 0;
    for (std::uint64_t i = 0; i < count; i++) last = numbers->next().value_or(0);
    return last;
  }

  SimFileSystem files_;
  FakeClock clock_;
};

TEST_F(SequenceNumbersTest, StartAtTheClockAndGrowByOne) {
  Result<SequenceNumbers> numbers = open();
  ASSERT_TRUE(numbers.ok());
  EXPECT_EQ(numbers->next(), kStart);
  EXPECT_EQ(numbers->next(), kStart + 1);
  EXPECT_EQ(numbers->next(), kStart + 2);
}

TEST_F(SequenceNumbersTest, AClockBefore1970IsNoTrouble) {
  clock_.set_wall(WallTime(-5h));
  EXPECT_EQ(start_and_take(3), 3U);
  EXPECT_EQ(start_and_take(1), 1 + kBlock);
}

TEST_F(SequenceNumbersTest, GrowByOneWhateverTheClockDoes) {
  Result<SequenceNumbers> numbers = open();
  ASSERT_TRUE(numbers.ok());
  EXPECT_EQ(numbers->next(), kStart);
  clock_.set_wall(wall(5 * kStart));
  EXPECT_EQ(numbers->next(), kStart + 1);
  clock_.set_wall(wall(1));
  EXPECT_EQ(numbers->next(), kStart + 2);
}

TEST_F(SequenceNumbersTest, AStartAtALaterTimeBeginsThere) {
  start_and_take(3);
  clock_.set_wall(wall(2 * kStart));
  EXPECT_EQ(start_and_take(1), 2 * kStart);
}

TEST_F(SequenceNumbersTest, TwoStartsInTheSameMomentShareNoNumber) {
  EXPECT_EQ(start_and_take(kBlock), kStart + kBlock - 1);
  EXPECT_EQ(start_and_take(1), kStart + kBlock);
}

TEST_F(SequenceNumbersTest, AClockThatWasSetBackTakesNoNumberBack) {
  start_and_take(3);
  clock_.set_wall(wall(7));
  EXPECT_EQ(start_and_take(3), kStart + kBlock + 2);
  clock_.set_wall(wall(0));
  EXPECT_EQ(start_and_take(1), kStart + 2 * kBlock);
}

TEST_F(SequenceNumbersTest, NothingIsHandedOutBeyondTheBoundUntilItIsExtended) {
  Result<SequenceNumbers> numbers = open();
  ASSERT_TRUE(numbers.ok());
  std::uint64_t last = 0;
  while (const std::optional<std::uint64_t> next = numbers->next()) last = *next;
  EXPECT_EQ(last, kStart + kBlock - 1);
  EXPECT_TRUE(numbers->exhausted());
  const Result<std::uint64_t> bound = numbers->extend();
  ASSERT_TRUE(bound.ok());
  EXPECT_EQ(numbers->next(), std::nullopt);
  numbers->set_bound(*bound);
  EXPECT_EQ(numbers->next(), kStart + kBlock);
}

TEST_F(SequenceNumbersTest, AsksForAnExtensionHalfWay) {
  Result<SequenceNumbers> numbers = open();
  ASSERT_TRUE(numbers.ok());
  for (std::uint64_t i = 0; i < kBlock / 2; i++) (void)numbers->next();
  EXPECT_FALSE(numbers->wants_extension());
  (void)numbers->next();
  EXPECT_TRUE(numbers->wants_extension());
  numbers->set_bound(*numbers->extend());
  EXPECT_FALSE(numbers->wants_extension());
}

TEST_F(SequenceNumbersTest, AFailedExtensionMayBeTriedAgain) {
  Result<SequenceNumbers> numbers = open();
  ASSERT_TRUE(numbers.ok());
  while (numbers->next()) {
  }
  files_.fail_after(0, ENOSPC);
  EXPECT_EQ(numbers->extend().status().code(), Code::kDiskFull);
  const Result<std::uint64_t> bound = numbers->extend();
  ASSERT_TRUE(bound.ok());
  EXPECT_EQ(*bound, kStart + 2 * kBlock);
}

TEST_F(SequenceNumbersTest, ADamagedFileIsAnError) {
  start_and_take(1);
  ASSERT_TRUE(files_.replace_file("/data/numbers", "junk").ok());
  EXPECT_EQ(open().status(), Status(Code::kFailed,
                                    "/data/numbers is damaged: neither of its "
                                    "copies is intact"));
}

// Whatever a crash leaves of the file, and whatever the clock says then, no number comes twice.
TEST_F(SequenceNumbersTest, NoNumberComesTwiceAfterACrashAtAnyWrite) {
  for (std::uint64_t seed = 1; seed <= 200; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    SimFileSystem files;
    ASSERT_TRUE(files.make_directories("/data").ok());
    std::uint64_t highest = 0;
    for (int start = 0; start < 10; start++) {
      clock_.set_wall(wall(kStart + random.below(1000)));
      if (random.chance(0.8)) files.freeze_after(random.below(12));
      Result<SequenceNumbers> numbers =
          SequenceNumbers::open(files, "/data/numbers", clock_, kBlock);
      for (std::uint64_t i = random.below(500); numbers.ok() && i > 0; i--) {
        const std::optional<std::uint64_t> next = numbers->next();
        if (next) {
          ASSERT_GT(*next, highest);
          highest = *next;
        } else {
          const Result<std::uint64_t> bound = numbers->extend();
          if (!bound.ok()) break;
          numbers->set_bound(*bound);
        }
      }
      files.crash(
          random.chance(0.5) ? SimFileSystem::Crash::kPower : SimFileSystem::Crash::kProcess,
          random);
    }
  }
}

}  // namespace
}  // namespace rqlite::queue
