#include "http/counters.h"

#include <gtest/gtest.h>

namespace rqlite::http {
namespace {

TEST(CountersTest, AreAllThereFromTheStart) {
  const Counts counts = Counters().read();
  EXPECT_EQ(counts.size(), kCounters);
  for (const auto& [name, count] : counts) EXPECT_EQ(count, 0u) << name;
}

TEST(CountersTest, EachCountsUnderItsOwnName) {
  Counters counters;
  counters.add(Counter::kAuthFail);
  counters.add(Counter::kReadyz, 2);
  counters.add(Counter::kRequestStatements, 3);
  counters.add(Counter::kUserSnapshots, 4);
  const Counts counts = counters.read();
  EXPECT_EQ(counts.at("auth_fail"), 1u);
  EXPECT_EQ(counts.at("num_readyz"), 2u);
  EXPECT_EQ(counts.at("request_stmts_rx"), 3u);
  EXPECT_EQ(counts.at("user_snapshots"), 4u);
}

TEST(CountersTest, WhatCameOfRequestsIsCountedApart) {
  Counters counters;
  counters.add(StoreCounter::kBackups);
  counters.add(StoreCounter::kUserSnapshotsFailed);
  const Counts counts = counters.read_store();
  EXPECT_EQ(counts.size(), kStoreCounters);
  EXPECT_EQ(counts.at("num_backups"), 1u);
  EXPECT_EQ(counts.at("num_user_snapshots"), 0u);
  EXPECT_EQ(counts.at("num_user_snapshots_failed"), 1u);
  EXPECT_FALSE(counters.read().contains("num_backups"));
}

}  // namespace
}  // namespace rqlite::http
