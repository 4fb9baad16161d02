#include "store/origin_numbers.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "base/random.h"
#include "store/forwarded_writes.h"

namespace rqlite::store {
namespace {

using command::Origin;

constexpr raft::RaftId kMember(7);

TEST(OriginNumbersTest, EachWriteHasItsOwnNumberOfTheEpoch) {
  OriginNumbers numbers(kMember, 100);
  EXPECT_EQ(numbers.begin(), (Origin{7, 100, 1, 1}));
  EXPECT_EQ(numbers.begin(), (Origin{7, 100, 2, 1}));
  EXPECT_EQ(numbers.begin(), (Origin{7, 100, 3, 1}));
}

TEST(OriginNumbersTest, WhatIsAnsweredEndsAtTheLowestThatIsNot) {
  OriginNumbers numbers(kMember, 100);
  for (int i = 0; i < 4; i++) (void)numbers.begin();
  numbers.end(2);
  numbers.end(4);
  EXPECT_EQ(numbers.begin(), (Origin{7, 100, 5, 1}));
  numbers.end(1);
  EXPECT_EQ(numbers.begin(), (Origin{7, 100, 6, 3}));
  numbers.end(3);
  EXPECT_EQ(numbers.begin(), (Origin{7, 100, 7, 5}));
  numbers.end(5);
  numbers.end(6);
  numbers.end(7);
  EXPECT_EQ(numbers.kept(), 0u);
  EXPECT_EQ(numbers.begin(), (Origin{7, 100, 8, 8}));
}

TEST(OriginNumbersTest, OfTooManyTheOldestCountAsAnswered) {
  OriginNumbers numbers(kMember, 100, 3);
  for (int i = 0; i < 3; i++) (void)numbers.begin();
  numbers.end(2);
  // 1 is dropped, and 2 behind it has ended.
  EXPECT_EQ(numbers.begin(), (Origin{7, 100, 4, 3}));
  numbers.end(1);
  EXPECT_EQ(numbers.begin(), (Origin{7, 100, 5, 3}));
  EXPECT_EQ(numbers.begin(), (Origin{7, 100, 6, 4}));
  EXPECT_EQ(numbers.kept(), 3u);
}

// Whoever applies the writes agrees on which of them are given up.
TEST(OriginNumbersTest, TheTableKeepsExactlyWhatIsUnderWay) {
  for (std::uint64_t seed = 1; seed <= 50; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    constexpr std::size_t kUnanswered = 8;
    OriginNumbers numbers(kMember, 100, kUnanswered);
    ForwardedWrites table({.unanswered = kUnanswered});
    std::vector<Origin> under_way;
    for (std::uint64_t index = 1; index < 500; index++) {
      const Origin origin = numbers.begin();
      ASSERT_LE(origin.answered_below, origin.number);
      under_way.push_back(origin);
      ASSERT_EQ(table.admit(origin, raft::Index(index)), ForwardedWrites::Admission::kNew);
      table.applied(origin, raft::Index(index), {});
      for (const Origin& each : under_way) {
        ASSERT_EQ(table.find(each).has_value(), each.number >= origin.answered_below);
      }
      while (!under_way.empty() && random.chance(0.5)) {
        const std::size_t at = random.below(under_way.size());
        numbers.end(under_way[at].number);
        under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
  }
}

TEST(OriginNumbersTest, ManyThreadsGetNumbersOfTheirOwn) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEach = 2000;
  OriginNumbers numbers(kMember, 100);
  std::vector<std::vector<std::uint64_t>> got(kThreads);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kThreads; i++) {
      threads.emplace_back([&numbers, &mine = got[i]] {
        for (std::size_t j = 0; j < kEach; j++) {
          mine.push_back(numbers.begin().number);
          if (j % 2 == 1) {
            numbers.end(mine[mine.size() - 1]);
            numbers.end(mine[mine.size() - 2]);
          }
        }
      });
    }
  }
  std::set<std::uint64_t> all;
  for (const auto& each : got) all.insert(each.begin(), each.end());
  EXPECT_EQ(all.size(), kThreads * kEach);
  EXPECT_EQ(numbers.kept(), 0u);
}

}  // namespace
}  // namespace rqlite::store
