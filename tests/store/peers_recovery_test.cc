#include "store/peers_recovery.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <future>
#include <memory>
#include <thread>

#include "command/request.h"
#include "fakes/sim_file_system.h"
#include "fakes/sim_vfs.h"
#include "raft/members.h"
#include "store/identity.h"
#include "store/recovery.h"
#include "store/store.h"

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

class PromisedStatus final : public Write {
 public:
  explicit PromisedStatus(std::promise<Status> to) : to_(std::move(to)) {}
  void applied(raft::Index, std::vector<command::RequestResult>) override { to_.set_value({}); }
  void failed(const Status& why) override { to_.set_value(why); }

 private:
  std::promise<Status> to_;
};

Bytes request(const std::string& sql) {
  Bytes batch;
  command::RequestBuilder(batch, {}).begin_statement(sql);
  return batch;
}

// A node on a simulated disk, which is stopped and started.
class PeersRecoveryTest : public ::testing::Test {
 protected:
  struct Disk {
    SimFileSystem files;
    SimVfs vfs{files};
  };

  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "recovery-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  Store::Options options(Disk& disk) const {
    Store::Options options;
    options.directory = directory_;
    options.node_id = "n1";
    options.raft_address = "localhost:4002";
    options.base_vfs = disk.vfs.name();
    options.consensus.log_segment_bytes = 64 * 1024;
    options.on_failure = [](const Status&) {};
    return options;
  }
  Store::Options recovering(Disk& disk, std::vector<RecoveredPeer> peers) const {
    Store::Options with = options(disk);
    with.recovery = {std::move(peers), file(), file() + ".done"};
    return with;
  }
  [[nodiscard]] std::string file() const { return directory_ + "/raft/peers.json"; }

  // Makes the data of a node with some rows, in the log alone or in a snapshot.
  void fill(Disk& disk, bool snapshot) {
    auto store = Store::open(options(disk), disk.files, clock_);
    ASSERT_TRUE(store.ok()) << store.error().text();
    while (!(*store)->is_ready()) std::this_thread::yield();
    for (const char* sql : {"CREATE TABLE t(n)", "INSERT INTO t VALUES (1), (2), (3)"}) {
      std::promise<Status> done;
      std::future<Status> result = done.get_future();
      (*store)->write(request(sql), std::make_unique<PromisedStatus>(std::move(done)));
      ASSERT_TRUE(result.get().ok());
    }
    (*store)->close(snapshot ? 10s : 0s);
    store->reset();
    ASSERT_TRUE(disk.files.replace_file(file(), "peers").ok());
  }

  SystemClock clock_;
  std::string directory_;
  const std::vector<RecoveredPeer> alone_{{"n1", "localhost:5002", true}};
};

TEST_F(PeersRecoveryTest, WhereTheLogEndsSaysWhichClusterItIs) {
  std::string ids[2];
  for (const bool snapshot : {false, true}) {
    // The same data twice: one has it in the log, the other in a snapshot.
    Disk disk;
    fill(disk, snapshot);
    auto store = Store::open(recovering(disk, alone_), disk.files, clock_);
    ASSERT_TRUE(store.ok()) << store.error().text();
    while (!(*store)->is_ready()) std::this_thread::yield();
    ids[snapshot ? 1 : 0] = (*store)->cluster_id();
    const Membership membership = (*store)->membership();
    ASSERT_EQ(membership.entries().size(), 1u);
    EXPECT_EQ(membership.entries().begin()->second.member.raft_address, "localhost:5002");
    EXPECT_FALSE(*disk.files.exists(file()));
    EXPECT_TRUE(*disk.files.exists(file() + ".done"));
  }
  EXPECT_NE(ids[0], ids[1]);  // they were founded apart
}

TEST_F(PeersRecoveryTest, EqualOnesAreOneClusterAndOthersAreNot) {
  const std::map<raft::RaftId, Member> members = {{raft::RaftId(1), {"a", "a:1", true}},
                                                  {raft::RaftId(2), {"b", "b:1", true}}};
  raft::Members parts;
  parts.voters = {raft::RaftId(1), raft::RaftId(2)};
  const auto id = [&](const char* old, std::uint64_t index, std::uint64_t term) {
    return recovered_cluster_id(old, raft::Index(index), raft::Term(term), members, parts);
  };
  EXPECT_EQ(id("x", 7, 2), id("x", 7, 2));
  EXPECT_NE(id("x", 7, 2), id("y", 7, 2));
  EXPECT_NE(id("x", 7, 2), id("x", 8, 2));
  EXPECT_NE(id("x", 7, 2), id("x", 7, 3));
  const std::string all = id("x", 7, 2);
  EXPECT_EQ(all.size(), 36u);
  EXPECT_EQ(all[14], '8');
  parts.voters.pop_back();
  parts.learners = {raft::RaftId(2)};
  EXPECT_NE(id("x", 7, 2), all);
}

TEST_F(PeersRecoveryTest, WhoHasNothingRecoversNothing) {
  Disk disk;
  ASSERT_TRUE(disk.files.make_directories(directory_ + "/raft").ok());
  ASSERT_TRUE(disk.files.replace_file(file(), "peers").ok());
  Store::Options with = recovering(disk, alone_);
  with.founds = false;
  const auto store = Store::open(std::move(with), disk.files, clock_);
  ASSERT_FALSE(store.ok());
  EXPECT_NE(store.error().text().find("there is nothing to recover"), std::string::npos);
  EXPECT_TRUE(*disk.files.exists(file()));
}

TEST_F(PeersRecoveryTest, StrangersAloneAreNoCluster) {
  Disk disk;
  fill(disk, false);
  {
    const auto store = Store::open(recovering(disk, {{"n9", "far:1", true}}), disk.files, clock_);
    ASSERT_FALSE(store.ok());
    EXPECT_TRUE(store.error().text().starts_with("failed to recover node: none of the voters"));
  }
  // Nothing has happened.
  EXPECT_TRUE(*disk.files.exists(file()));
  auto store = Store::open(options(disk), disk.files, clock_);
  ASSERT_TRUE(store.ok()) << store.error().text();
  EXPECT_EQ((*store)->membership().entries().begin()->second.member.raft_address, "localhost:4002");
}

// The cluster comes out with one and the same id, wherever the process died on the way.
TEST_F(PeersRecoveryTest, ACrashAtEveryStepChangesNothingOfTheOutcome) {
  for (const bool snapshot : {false, true}) {
    for (const auto kind : {SimFileSystem::Crash::kProcess, SimFileSystem::Crash::kPower}) {
      bool ended = false;
      for (std::uint64_t at = 0; !ended; at++) {
        SCOPED_TRACE("operation " + std::to_string(at) + (snapshot ? ", all in a snapshot" : ""));
        Disk disk;
        fill(disk, snapshot);
        const DatabaseFiles paths(directory_);
        auto slot = SlotFile::open(disk.files, paths.snapshot(), "");
        ASSERT_TRUE(slot.ok());
        const auto before = decode_snapshot_record(slot->value());
        const raft::RaftId raft_id = *read_or_make_raft_id(disk.files, paths);
        // By itself, so that nothing runs on when the disk is frozen.
        auto recover = [&] {
          auto open = SlotFile::open(disk.files, paths.snapshot(), "");
          if (!open.ok()) return open.status();
          const auto record = recover_database(disk.files, paths, *open, disk.vfs.name());
          if (!record.ok()) return record.status();
          return PeersRecovery({.node = {raft_id, "n1", "localhost:4002"},
                                .peers = alone_,
                                .file = file(),
                                .done_file = file() + ".done",
                                .base_vfs = disk.vfs.name(),
                                .log_segment_bytes = 64 * 1024},
                               disk.files, paths, *open, clock_)
              .run(*record);
        };
        disk.files.freeze_after(at);
        ended = recover().ok();
        Random random(at + 1);
        disk.files.crash(kind, random);
        if (*disk.files.exists(file())) {
          const Status status = recover();
          ASSERT_TRUE(status.ok()) << status.text();
        }
        auto after = SlotFile::open(disk.files, paths.snapshot(), "");
        ASSERT_TRUE(after.ok());
        const auto record = decode_snapshot_record(after->value());
        raft::Members parts;
        parts.voters = {raft_id};
        // Its first entry of a term, and two writes.
        EXPECT_EQ(record->index, raft::Index(4));
        EXPECT_EQ(record->state.cluster_id,
                  recovered_cluster_id(before->state.cluster_id, record->index, record->term,
                                       {{raft_id, {"n1", "localhost:5002", true}}}, parts));
        EXPECT_FALSE(*disk.files.exists(paths.recovery_mark()) && *disk.files.exists(file()));
      }
    }
  }
}

}  // namespace
}  // namespace rqlite::store
