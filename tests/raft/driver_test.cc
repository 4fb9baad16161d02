#include "raft/driver.h"

#include <gtest/gtest.h>

#include "raft/driver_fixture.h"

namespace rqlite::raft {
namespace {

using Codes = std::vector<Code>;

// A cluster of one: what it proposes is committed as soon as it is durable.
class DriverTest : public ::testing::Test, protected DriverFixture {
 protected:
  void begin() {
    ASSERT_TRUE(start().ok());
    lead();
  }

  // Proposes "1" to "n", each in a round of its own.
  void propose_up_to(int n, std::size_t bytes = 0) {
    for (int i = 1; i <= n; i++) {
      Bytes data = std::to_string(i);
      data.resize(std::max(bytes, data.size()), '.');
      (void)propose(data);
      ASSERT_TRUE(round().ok());
    }
  }
};

TEST_F(DriverTest, ProposalsComeBackInOrderWithTheirIndex) {
  begin();
  const auto a = propose("a");
  const auto b = propose("b");
  EXPECT_TRUE(a->codes.empty());
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(a->codes, Codes{Code::kOk});
  EXPECT_EQ(b->codes, Codes{Code::kOk});
  EXPECT_EQ(a->index, Index(3));  // behind the founding and the leader's first entry
  EXPECT_EQ(b->index, Index(4));
  EXPECT_EQ(machine.data(), "a b");
}

TEST_F(DriverTest, ProposalsOfOneRoundShareASync) {
  begin();
  const std::uint64_t before = log->syncs();
  for (int i = 0; i < 50; i++) (void)propose("x");
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(log->syncs(), before + 1);
  EXPECT_EQ(machine.handed.back().index, Index(52));
}

TEST_F(DriverTest, ARoundWithNothingToDoTouchesNothing) {
  begin();
  propose_up_to(3);
  ASSERT_TRUE(round().ok());
  const std::uint64_t before = files.operations();
  for (int i = 0; i < 5; i++) {
    driver->tick();
    ASSERT_TRUE(round().ok());
  }
  EXPECT_EQ(files.operations(), before);
}

TEST_F(DriverTest, ARestartHandsOutTheEntriesBehindTheSnapshotAgain) {
  begin();
  propose_up_to(5);
  snapshot_at(4, 4);
  ASSERT_TRUE(restart().ok());
  lead();
  EXPECT_EQ(machine.handed.front().index, Index(5));
  EXPECT_EQ(machine.data(), "3 4 5");
}

TEST_F(DriverTest, ARestartKeepsTermAndVote) {
  begin();
  const Term term = driver->status().term;
  ASSERT_TRUE(restart().ok());
  EXPECT_EQ(driver->status().term, term);
  EXPECT_EQ(driver->status().vote, RaftId(1));
  lead();
  EXPECT_EQ(driver->status().term, term.next());
}

TEST_F(DriverTest, ReadsBackWhatMemoryDoesNotHold) {
  core_options.tail_bytes_max = 1;
  applies = false;
  driver_options.unapplied_bytes_max = 1;
  begin();
  ASSERT_NO_FATAL_FAILURE(propose_up_to(20, 1000));
  applies = true;
  while (driver->holding_back()) ASSERT_TRUE(round().ok());
  ASSERT_EQ(machine.handed.size(), 21u);
  for (int i = 1; i <= 20; i++) {
    EXPECT_EQ(machine.handed[static_cast<std::size_t>(i)].data.substr(0, 3),
              (std::to_string(i) + "..").substr(0, 3));
  }
}

// Some are on the disk alone, the last ones in memory too.
TEST_F(DriverTest, EntriesComeFromDiskAndMemoryAlike) {
  core_options.tail_bytes_max = 5000;
  begin();
  ASSERT_NO_FATAL_FAILURE(propose_up_to(20, 1000));
  for (std::uint64_t low = 3; low < 23; low++) {
    const auto all = core->entries(Index(low), Index(23), UINT64_MAX);
    ASSERT_EQ(all.size(), 23 - low);
    EXPECT_EQ(all.back().index, Index(22));
    EXPECT_EQ(core->entries(Index(low), Index(23), 2500).size(),
              std::min<std::uint64_t>(2, 23 - low));
    EXPECT_EQ(core->entries(Index(low), Index(23), 0).size(), 1u);
  }
}

TEST_F(DriverTest, HoldsEntriesBackWhileTooMuchIsNotApplied) {
  applies = false;
  driver_options.unapplied_bytes_max = 5000;
  begin();
  ASSERT_NO_FATAL_FAILURE(propose_up_to(20, 1000));
  EXPECT_TRUE(driver->holding_back());
  EXPECT_LT(machine.handed.size(), 7u);
  std::size_t handed = machine.handed.size();
  while (driver->holding_back()) {
    // One is applied, so there is room for about one more.
    driver->applied(machine.handed[machine.handed.size() - 3].index);
    ASSERT_TRUE(round().ok());
    EXPECT_GT(machine.handed.size(), handed);
    EXPECT_LE(machine.handed.size(), handed + 6);
    handed = machine.handed.size();
  }
  ASSERT_EQ(machine.handed.size(), 21u);
  for (std::size_t i = 1; i < 21; i++) {
    EXPECT_EQ(machine.handed[i].data, std::to_string(i) + Bytes(1000 - (i < 10 ? 1 : 2), '.'));
    EXPECT_TRUE(machine.handed[i].with_proposal);
  }
}

TEST_F(DriverTest, AFollowerOfNobodyRefuses) {
  ASSERT_TRUE(start().ok());
  EXPECT_EQ(propose("x")->codes, Codes{Code::kNoLeader});
  EXPECT_EQ(read()->codes, Codes{Code::kNoLeader});
  EXPECT_EQ(propose_change(ChangeKind::kAddLearner, 2)->codes, Codes{Code::kNoLeader});
}

TEST_F(DriverTest, RefusesWhatTheDiskHasNoRoomFor) {
  begin();
  files.set_capacity(files.used_bytes());
  std::vector<std::shared_ptr<Outcome>> all;
  for (int i = 0; i < 40; i++) {
    all.push_back(propose(Bytes(1000, 'x')));
    ASSERT_TRUE(round().ok());
  }
  EXPECT_EQ(all.front()->codes, Codes{Code::kOk});
  EXPECT_EQ(all.back()->codes, Codes{Code::kDiskFull});
  EXPECT_EQ(driver->status().role, Role::kLeader);
  files.set_capacity(std::nullopt);
  const auto last = propose("x");
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(last->codes, Codes{Code::kOk});
}

TEST_F(DriverTest, RefusesMoreThanMayBeUncommitted) {
  voters = {1, 2, 3};
  core_options.message_bytes_max = 1000;
  driver_options.message_bytes_max = 1000;
  core_options.uncommitted_bytes_max = 2000;
  begin();
  const auto a = propose(Bytes(1500, 'x'));
  const auto b = propose(Bytes(1500, 'x'));
  ASSERT_TRUE(round().ok());
  EXPECT_TRUE(a->codes.empty());
  EXPECT_EQ(b->codes, Codes{Code::kUnavailable});
}

TEST_F(DriverTest, AFailedSyncEndsItAndFailsAllThatWaits) {
  voters = {1, 2, 3};
  begin();
  const auto waits = propose("a");
  ASSERT_TRUE(round().ok());
  const auto reads = read();
  files.fail_sync_after(0);
  const auto last = propose("b");
  const Status failure = round();
  EXPECT_EQ(failure.code(), Code::kFailed);
  // The others may have got the entries, and commit them.
  EXPECT_EQ(waits->codes, Codes{Code::kUnknown});
  EXPECT_EQ(last->codes, Codes{Code::kUnknown});
  EXPECT_EQ(reads->codes, Codes{Code::kFailed});
  // For good: it says so to whoever comes later, and touches the disk no more.
  const std::uint64_t before = files.operations();
  EXPECT_EQ(propose("c")->codes, Codes{Code::kFailed});
  EXPECT_EQ(read()->codes, Codes{Code::kFailed});
  driver->tick();
  EXPECT_EQ(round(), failure);
  EXPECT_EQ(files.operations(), before);
}

TEST_F(DriverTest, NothingUnsyncedIsHandedOut) {
  begin();
  files.fail_sync_after(0);
  (void)propose("a");
  EXPECT_FALSE(round().ok());
  EXPECT_EQ(machine.data(), "");
}

TEST_F(DriverTest, StoppingFailsAllThatWaits) {
  voters = {1, 2, 3};
  begin();
  const auto proposal = propose("a");
  ASSERT_TRUE(round().ok());
  const auto reading = read();
  driver->stop({Code::kUnavailable, "shutting down"});
  EXPECT_EQ(proposal->codes, Codes{Code::kUnknown});
  EXPECT_EQ(reading->codes, Codes{Code::kUnavailable});
  EXPECT_EQ(propose("b")->codes, Codes{Code::kUnavailable});
}

TEST_F(DriverTest, AnswersReadsInAFreshTerm) {
  ASSERT_TRUE(start().ok());
  driver->campaign();
  const auto early = read();
  EXPECT_EQ(early->codes, Codes{});  // the leader's first entry is not committed yet
  ASSERT_TRUE(round().ok());
  for (int i = 0; i < 3 && early->codes.empty(); i++) {
    driver->tick();
    ASSERT_TRUE(round().ok());
  }
  EXPECT_EQ(early->codes, Codes{Code::kOk});
  EXPECT_GE(early->index, Index(2));
  const auto later = read();
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(later->codes, Codes{Code::kOk});
}

TEST_F(DriverTest, ChangesOfMembersCarryTheirContext) {
  begin();
  const auto added = propose_change(ChangeKind::kAddLearner, 7, "node seven");
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(added->codes, Codes{Code::kOk});
  const FakeMachine::Handed& change = machine.handed.back();
  EXPECT_EQ(change.kind, EntryKind::kChange);
  EXPECT_EQ(change.context, "node seven");
  EXPECT_EQ(decode_members(change.conf_state).learners, std::vector{RaftId(7)});
  EXPECT_EQ(driver->members().learners, std::vector{RaftId(7)});
}

TEST_F(DriverTest, OneChangeAtATime) {
  begin();
  const auto first = propose_change(ChangeKind::kAddLearner, 7);
  const auto second = propose_change(ChangeKind::kAddLearner, 8);
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(first->codes, Codes{Code::kOk});
  EXPECT_EQ(second->codes, Codes{Code::kUnavailable});
  EXPECT_FALSE(driver->members().contains(RaftId(8)));
}

}  // namespace
}  // namespace rqlite::raft
