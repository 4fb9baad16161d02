#include "rqlited/store_options.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "fakes/sim_file_system.h"

namespace rqlite::rqlited {
namespace {

using namespace std::chrono_literals;

TEST(StoreOptionsTest, ZeroMeansTheUsual) {
  Options options;
  options.raft_heartbeat_timeout = options.raft_election_timeout = 0s;
  options.raft_leader_lease_timeout = options.raft_commit_timeout = 0s;
  options.raft_apply_timeout = options.raft_snap_int = 0s;
  options.raft_snap = 0;
  const Result<store::Store::Options> store = store_options(options);
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(store->consensus.heartbeat_timeout, 1s);
  EXPECT_EQ(store->consensus.election_timeout, 1s);
  EXPECT_EQ(store->consensus.lease_timeout, 500ms);
  EXPECT_EQ(store->consensus.commit_timeout, 50ms);
  EXPECT_EQ(store->snapshots.entries_max, 8192u);
  EXPECT_EQ(store->consensus.retention.entries, 10240u);
  EXPECT_EQ(store->consensus.apply_timeout, 0s);  // no limit
  EXPECT_EQ(store->snapshots.interval, 2min);
  EXPECT_EQ(store->snapshots.wal_bytes_max, 0u);  // however much that is
  EXPECT_EQ(election_timeout(options), 1s);
  // Which is not what was asked for.
  EXPECT_EQ(store->asked.heartbeat_timeout, 0s);
  EXPECT_EQ(store->asked.snapshot_interval, 0s);
  EXPECT_EQ(store->asked.snapshot_threshold, 0u);
}

TEST(StoreOptionsTest, WhatAFlagSaysIsTaken) {
  Options options;
  options.raft_heartbeat_timeout = 2s;
  options.raft_election_timeout = 3s;
  options.raft_leader_lease_timeout = 2s;
  options.raft_commit_timeout = 1ms;
  options.raft_snap = 100;
  options.raft_snap_int = 3s;
  options.raft_remove_shutdown = true;
  const Result<store::Store::Options> store = store_options(options);
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(store->consensus.heartbeat_timeout, 2s);
  EXPECT_EQ(store->consensus.election_timeout, 3s);
  EXPECT_EQ(store->consensus.lease_timeout, 2s);
  EXPECT_EQ(store->consensus.commit_timeout, 1ms);
  EXPECT_EQ(store->snapshots.entries_max, 100u);
  EXPECT_EQ(store->consensus.retention.entries, 125u);
  EXPECT_EQ(store->snapshots.interval, 3s);
  EXPECT_EQ(store->snapshots.wal_bytes_max, 4u << 20);
  EXPECT_EQ(store->asked.heartbeat_timeout, 2s);
  EXPECT_EQ(store->asked.election_timeout, 3s);
  EXPECT_EQ(store->asked.commit_timeout, 1ms);
  EXPECT_EQ(store->asked.snapshot_interval, 3s);
  EXPECT_EQ(store->asked.snapshot_threshold, 100u);
  EXPECT_TRUE(store->shuts_down_on_removal);
  EXPECT_EQ(election_timeout(options), 3s);
}

std::string refusal_of(const Options& options) {
  const Result<store::Store::Options> store = store_options(options);
  return store.ok() ? "" : store.error().text();
}

TEST(StoreOptionsTest, TimeoutsThatContradictEachOtherAreRefused) {
  Options options;
  options.raft_leader_lease_timeout = 2s;
  EXPECT_EQ(refusal_of(options),
            "creating the raft system failed: LeaderLeaseTimeout (2s) cannot be larger than "
            "heartbeat timeout (1s)");
  options = {};
  options.raft_heartbeat_timeout = 2s;
  EXPECT_EQ(refusal_of(options),
            "creating the raft system failed: ElectionTimeout (1s) must be equal or greater than "
            "Heartbeat Timeout (2s)");
}

TEST(StoreOptionsTest, TimeoutsThatAreTooShortAreRefusedFirst) {
  const std::vector<std::tuple<Options::Duration Options::*, Options::Duration, std::string>> lines{
      {&Options::raft_heartbeat_timeout, 4ms, "HeartbeatTimeout"},
      {&Options::raft_heartbeat_timeout, -1s, "HeartbeatTimeout"},
      {&Options::raft_election_timeout, 4ms, "ElectionTimeout"},
      {&Options::raft_commit_timeout, 999us, "CommitTimeout"},
      {&Options::raft_snap_int, 4ms, "SnapshotInterval"},
      {&Options::raft_leader_lease_timeout, 4ms, "LeaderLeaseTimeout"}};
  for (const auto& [flag, time, name] : lines) {
    Options options;
    options.*flag = time;
    EXPECT_EQ(refusal_of(options), "creating the raft system failed: " + name + " is too low");
  }
}

class PeersFileTest : public ::testing::Test {
 protected:
  PeersFileTest() { EXPECT_TRUE(files_.make_directories(paths_.raft()).ok()); }

  void write(const std::string& text) {
    auto file = files_.open(paths_.raft() + "/peers.json", FileSystem::Open::kCreateOrTruncate);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->write(0, text).ok());
  }

  SimFileSystem files_;
  const store::DatabaseFiles paths_{"/data"};
};

TEST_F(PeersFileTest, ThereNeedBeNone) {
  const auto recovery = read_peers_file(files_, paths_);
  ASSERT_TRUE(recovery.ok());
  EXPECT_FALSE(recovery->has_value());
}

TEST_F(PeersFileTest, ItSaysWhoIsAMember) {
  write(R"([{"id":"n1","address":"127.0.0.1:4002","non_voter":false}])");
  const auto recovery = read_peers_file(files_, paths_);
  ASSERT_TRUE(recovery.ok()) << recovery.error().text();
  ASSERT_TRUE(recovery->has_value());
  EXPECT_EQ((*recovery)->file, paths_.raft() + "/peers.json");
  EXPECT_EQ((*recovery)->done_file, paths_.raft() + "/peers.info");
}

TEST_F(PeersFileTest, OneThatMakesNoSenseIsRefused) {
  write("[");
  const auto recovery = read_peers_file(files_, paths_);
  ASSERT_FALSE(recovery.ok());
  EXPECT_EQ(recovery.error().text().find("failed to read peers file"), 0u);
}

}  // namespace
}  // namespace rqlite::rqlited
