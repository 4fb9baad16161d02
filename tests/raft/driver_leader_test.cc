#include <gtest/gtest.h>

#include "raft/driver.h"
#include "raft/driver_fixture.h"
#include "raft/message.h"

namespace rqlite::raft {
namespace {

using Codes = std::vector<Code>;
using Type = PeerMessage::Type;

// The leader of three; the other two are played by hand.
class DriverLeaderTest : public ::testing::Test, protected DriverFixture {
 protected:
  void begin() {
    voters = {1, 2, 3};
    ASSERT_TRUE(start().ok());
    lead();
    acknowledge(2);
    ASSERT_TRUE(round().ok());
  }
  [[nodiscard]] std::uint64_t term() const { return driver->status().term.value(); }

  // `peer` refuses the last append that was sent to it: its log ends before `index`.
  void refuse(std::uint64_t peer, std::uint64_t index) {
    PeerMessage refusal = from(peer, Type::kAppendResponse, term());
    refusal.reject = true;
    refusal.reject_hint = Index(index);
    for (const FakeTransport::Sent& each : transport.of(Type::kAppend)) {
      if (each.to == RaftId(peer)) refusal.index = each.message.index;
    }
    deliver(refusal);
  }
};

TEST_F(DriverLeaderTest, ALeadersMessagesDoNotWaitForItsDisk) {
  begin();
  transport.sent.clear();
  const std::uint64_t before = files.operations();
  (void)propose("x");
  ASSERT_TRUE(round().ok());
  ASSERT_EQ(transport.of(Type::kAppend).size(), 2u);
  EXPECT_EQ(transport.of(Type::kAppend).front().operations, before);
  EXPECT_GT(files.operations(), before);
}

TEST_F(DriverLeaderTest, WhatIsProposedInOneRoundTravelsTogether) {
  driver_options.message_bytes_max = 100;
  begin();
  transport.sent.clear();
  const auto first = propose(Bytes(40, 'a'));
  const auto second = propose(Bytes(40, 'b'));
  const auto third = propose(Bytes(40, 'c'));
  const auto large = propose(Bytes(400, 'd'));
  EXPECT_TRUE(transport.sent.empty());
  ASSERT_TRUE(round().ok());
  std::vector<std::size_t> entries;  // in the messages to one of the two
  for (const auto& each : transport.of(Type::kAppend)) {
    if (each.to == RaftId(2)) entries.push_back(each.message.entries.size());
  }
  EXPECT_EQ(entries, (std::vector<std::size_t>{2, 1, 1}));
  acknowledge(6);
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(first->index, Index(3));
  EXPECT_EQ(second->index, Index(4));
  EXPECT_EQ(third->index, Index(5));
  EXPECT_EQ(large->index, Index(6));
}

TEST_F(DriverLeaderTest, WhatCameBeforeATransferIsStillProposed) {
  begin();
  const auto before = propose("x");
  driver->transfer(RaftId(2));
  const auto after = propose("y");
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(after->codes, Codes{Code::kUnavailable});
  acknowledge(3);
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(before->codes, Codes{Code::kOk});
}

TEST_F(DriverLeaderTest, WhatIsGatheredWhenLeadershipIsLostIsRefused) {
  begin();
  const auto proposal = propose("x");
  deliver(from(2, Type::kHeartbeat, term() + 1));
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(proposal->codes, Codes{Code::kNotLeader});
}

TEST_F(DriverLeaderTest, LosingLeadershipLeavesProposalsUnknownAndReadsToOthers) {
  begin();
  const auto proposal = propose("x");
  const auto reading = read();
  ASSERT_TRUE(round().ok());
  EXPECT_TRUE(proposal->codes.empty());
  deliver(from(2, Type::kHeartbeat, term() + 1));
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(proposal->codes, Codes{Code::kUnknown});
  EXPECT_EQ(reading->codes, Codes{Code::kNotLeader});
}

// The bound of -raft-commit-timeout: at once, and again with each heartbeat, one of which goes out
// with each tick.
TEST_F(DriverLeaderTest, FollowersHearWhatIsCommittedAtOnceAndWithEachHeartbeat) {
  begin();
  (void)propose("x");
  ASSERT_TRUE(round().ok());
  acknowledge(3);
  transport.sent.clear();
  ASSERT_TRUE(round().ok());
  ASSERT_EQ(transport.of(Type::kAppend).size(), 2u);
  for (const auto& each : transport.of(Type::kAppend)) EXPECT_EQ(each.message.commit, Index(3));
  // Those got lost.
  transport.sent.clear();
  driver->tick();
  ASSERT_TRUE(round().ok());
  ASSERT_EQ(transport.of(Type::kHeartbeat).size(), 2u);
  for (const auto& each : transport.of(Type::kHeartbeat)) EXPECT_EQ(each.message.commit, Index(3));
}

// The next leader commits it all the same.
TEST_F(DriverLeaderTest, AProposalOfUnknownFateMayStillBeApplied) {
  begin();
  const std::uint64_t old_term = term();
  const auto proposal = propose("x");
  ASSERT_TRUE(round().ok());
  deliver(from(2, Type::kHeartbeat, old_term + 1));
  ASSERT_TRUE(round().ok());
  deliver_entries(2, old_term + 1, 4, 1, old_term, 4);
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(proposal->codes, Codes{Code::kUnknown});
  ASSERT_GE(machine.handed.size(), 2u);
  EXPECT_EQ(machine.handed[1].data, "x");
  EXPECT_FALSE(machine.handed[1].with_proposal);
}

// It looks once in a lease whether it has heard from a majority since the last look.
TEST_F(DriverLeaderTest, ALeaderThatReachesNoMajorityStepsDownWithinTwoLeases) {
  core_options.lease_ticks = 5;
  begin();
  const auto proposal = propose("x");
  int ticks = 0;
  while (driver->status().role == Role::kLeader && ticks < 100) {
    driver->tick();
    ASSERT_TRUE(round().ok());
    ticks++;
  }
  EXPECT_GE(ticks, 5);
  EXPECT_LE(ticks, 10);
  EXPECT_EQ(driver->status().leader, RaftId());
  EXPECT_EQ(proposal->codes, Codes{Code::kUnknown});
}

TEST_F(DriverLeaderTest, OneFollowerOfTwoIsEnoughForTheLease) {
  core_options.lease_ticks = 5;
  begin();
  for (int i = 0; i < 50; i++) {
    driver->tick();
    deliver(from(2, Type::kHeartbeatResponse, term()));
    ASSERT_TRUE(round().ok());
  }
  EXPECT_EQ(driver->status().role, Role::kLeader);
}

TEST_F(DriverLeaderTest, RefusesToWriteWhileItHandsOverAndReadsOn) {
  begin();
  driver->transfer(RaftId(2));
  transport.sent.clear();
  EXPECT_EQ(propose("x")->codes, Codes{Code::kUnavailable});
  const auto reading = read();
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(reading->codes, Codes{});  // not before a majority says that it still leads
  PeerMessage confirmed = from(3, Type::kHeartbeatResponse, term());
  confirmed.context = transport.of(Type::kHeartbeat).back().message.context;
  deliver(confirmed);
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(reading->codes, Codes{Code::kOk});
}

// Members answer, and store nothing: their disks may be full.
TEST_F(DriverLeaderTest, NobodyWaitsForAMajorityThatStoresNothing) {
  std::vector<bool> said;
  driver_options.patience_ticks = 20;
  driver_options.on_stuck = [&](bool is_stuck) { said.push_back(is_stuck); };
  begin();
  const auto tick = [this](int count) {
    for (int i = 0; i < count; i++) {
      driver->tick();
      deliver(from(2, Type::kHeartbeatResponse, term()));
      ASSERT_TRUE(round().ok());
    }
  };
  tick(50);  // nothing is to be stored
  EXPECT_FALSE(driver->is_stuck());
  const auto first = propose("a");
  ASSERT_TRUE(round().ok());
  tick(15);
  const auto second = propose("b");
  ASSERT_TRUE(round().ok());
  EXPECT_TRUE(first->codes.empty());
  tick(10);
  EXPECT_TRUE(driver->is_stuck());
  EXPECT_EQ(first->codes, Codes{Code::kUnknown});
  EXPECT_EQ(second->codes, Codes{Code::kUnknown});
  EXPECT_EQ(propose("never")->codes, Codes{Code::kUnavailable});
  EXPECT_EQ(driver->status().role, Role::kLeader);
  acknowledge(4);
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(machine.data(), "a b");
  tick(1);
  EXPECT_FALSE(driver->is_stuck());
  EXPECT_EQ(said, (std::vector<bool>{true, false}));
  const auto third = propose("c");
  ASSERT_TRUE(round().ok());
  acknowledge(5);
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(third->codes, Codes{Code::kOk});
  EXPECT_EQ(first->codes, Codes{Code::kUnknown});
}

TEST_F(DriverLeaderTest, AsLongAsSomethingIsStoredTheRestIsWaitedFor) {
  driver_options.patience_ticks = 20;
  begin();
  const auto last = [&] {
    std::shared_ptr<Outcome> outcome;
    for (int i = 0; i < 10; i++) outcome = propose("x");
    return outcome;
  }();
  ASSERT_TRUE(round().ok());
  for (std::uint64_t index = 3; index < 12; index++) {
    for (int i = 0; i < 15; i++) {
      driver->tick();
      deliver(from(2, Type::kHeartbeatResponse, term()));
      ASSERT_TRUE(round().ok());
    }
    acknowledge(index);
    ASSERT_TRUE(round().ok());
  }
  EXPECT_TRUE(last->codes.empty());
  EXPECT_FALSE(driver->is_stuck());
}

// A full disk.

// The leader of three with a full disk, whose others answer or do not.
class FullLeaderTest : public DriverLeaderTest {
 protected:
  void begin() {
    driver_options.handover_pause_ticks = 20;
    driver_options.on_handover = [this](RaftId to) { asked_.push_back(to.value()); };
    DriverLeaderTest::begin();
    last_ = driver->status().last.value();
  }
  void fill_disk() { files.set_capacity(files.used_bytes()); }
  // Proposes until there is no room, and lets the others have all that is in the log.
  void write_until_refused() {
    for (std::shared_ptr<Outcome> outcome; !outcome || outcome->codes.empty();) {
      outcome = propose(Bytes(1000, 'x'));
      ASSERT_TRUE(round().ok());
      if (!outcome->codes.empty()) {
        EXPECT_EQ(outcome->codes, Codes{Code::kDiskFull});
      }
    }
    last_ = driver->status().last.value();
    acknowledge(last_);
    ASSERT_TRUE(round().ok());
  }
  // So many ticks; before each a write is refused, and `near` answer heartbeats.
  void go_on(int ticks, const std::vector<std::uint64_t>& near) {
    for (int i = 0; i < ticks; i++) {
      EXPECT_EQ(propose(Bytes(1000, 'x'))->codes, Codes{Code::kDiskFull});
      for (const std::uint64_t each : near) deliver(from(each, Type::kHeartbeatResponse, term()));
      driver->tick();
      ASSERT_TRUE(round().ok());
    }
  }
  using Asked = std::vector<std::uint64_t>;

  std::uint64_t last_ = 0;
  Asked asked_;
};

TEST_F(FullLeaderTest, AsksAnotherMemberToLead) {
  begin();
  fill_disk();
  write_until_refused();
  EXPECT_TRUE(asked_.empty());
  transport.sent.clear();
  driver->tick();
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(asked_, Asked{2});
  ASSERT_EQ(transport.of(Type::kTimeoutNow).size(), 1u);
  EXPECT_EQ(transport.of(Type::kTimeoutNow)[0].to, RaftId(2));
  // Meanwhile clients hear what they heard before.
  EXPECT_EQ(propose("x")->codes, Codes{Code::kDiskFull});
}

TEST_F(FullLeaderTest, AsksEachMemberOnceInAWhile) {
  begin();
  fill_disk();
  write_until_refused();
  go_on(100, {2, 3});
  // An election timeout of 10 ticks ends each try.
  EXPECT_EQ(asked_, (Asked{2, 3, 2, 3, 2, 3, 2, 3, 2, 3}));
  EXPECT_EQ(driver->status().role, Role::kLeader);
}

TEST_F(FullLeaderTest, AsksNobodyWhileTheOthersAreNoMajority) {
  begin();
  fill_disk();
  write_until_refused();
  for (int i = 0; i < 6; i++) {
    driver->tick();
    deliver(from(3, Type::kHeartbeatResponse, term()));
    ASSERT_TRUE(round().ok());
  }
  asked_.clear();
  go_on(40, {3});
  EXPECT_TRUE(asked_.empty());
}

TEST_F(FullLeaderTest, AsksNobodyWhileOthersHaveNoRoomEither) {
  begin();
  fill_disk();
  write_until_refused();
  PeerMessage heartbeat = from(2, Type::kHeartbeatResponse, term());
  driver->step(without_room(encode_message(heartbeat)));
  driver->tick();
  ASSERT_TRUE(round().ok());
  EXPECT_TRUE(asked_.empty());
  deliver(heartbeat);
  go_on(1, {});
  EXPECT_EQ(asked_, Asked{2});
}

TEST_F(FullLeaderTest, AsksNobodyWhoLacksWhatIsCommitted) {
  begin();
  fill_disk();
  for (std::shared_ptr<Outcome> outcome; !outcome || outcome->codes.empty();) {
    outcome = propose(Bytes(1000, 'x'));
    ASSERT_TRUE(round().ok());
  }
  PeerMessage stored = from(3, Type::kAppendResponse, term());
  stored.index = driver->status().last;
  deliver(stored);
  ASSERT_TRUE(round().ok());
  go_on(40, {2, 3});
  EXPECT_EQ(asked_, (Asked{3, 3}));
}

TEST_F(FullLeaderTest, GoesOnByItselfWhenThereIsRoom) {
  begin();
  fill_disk();
  write_until_refused();
  go_on(1, {2, 3});
  EXPECT_EQ(asked_, Asked{2});
  files.set_capacity(std::nullopt);
  for (int i = 0; i < 12; i++) {  // nobody took over
    driver->tick();
    deliver(from(2, Type::kHeartbeatResponse, term()));
    ASSERT_TRUE(round().ok());
  }
  const auto outcome = propose(Bytes(1000, 'x'));
  ASSERT_TRUE(round().ok());
  acknowledge(last_ + 1);
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(outcome->codes, Codes{Code::kOk});
  EXPECT_EQ(asked_, Asked{2});
}

TEST_F(FullLeaderTest, OneThatCannotApplyAsksAsWell) {
  begin();
  machine.stalled_ = {Code::kUnavailable, "a reader holds it up"};
  driver->tick();
  ASSERT_TRUE(round().ok());
  EXPECT_TRUE(asked_.empty());
  machine.stalled_ = {Code::kDiskFull, "disk is full"};
  driver->tick();
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(asked_, Asked{2});
}

TEST_F(FullLeaderTest, WhatIsTooLargeForTheDiskAloneChangesNothing) {
  begin();
  (void)log->has_room();  // the next segment is there
  fill_disk();
  EXPECT_EQ(propose(Bytes(100'000, 'x'))->codes, Codes{Code::kDiskFull});
  driver->tick();
  ASSERT_TRUE(round().ok());
  EXPECT_TRUE(asked_.empty());
}

TEST_F(DriverLeaderTest, AskedForWhatIsReleasedItWantsASnapshotThatNamesTheAsker) {
  begin();
  for (int i = 0; i < 5; i++) (void)propose("x");
  ASSERT_TRUE(round().ok());
  const auto joined = propose_change(ChangeKind::kAddLearner, 9);
  ASSERT_TRUE(round().ok());
  acknowledge(8);
  ASSERT_TRUE(round().ok());
  ASSERT_EQ(joined->codes, Codes{Code::kOk});
  snapshot_at(7, 7);
  ASSERT_TRUE(round().ok());
  // The newcomer has nothing, and the snapshot does not name it.
  refuse(9, 0);
  ASSERT_TRUE(round().ok());
  EXPECT_TRUE(transport.of(Type::kSnapshot).empty());
  driver->tick();
  EXPECT_GT(machine.snapshots_wanted, 0);
  snapshot_at(8, 8);
  deliver(from(9, Type::kHeartbeatResponse, term()));
  ASSERT_TRUE(round().ok());
  ASSERT_EQ(transport.of(Type::kSnapshot).size(), 1u);
  EXPECT_TRUE(transport.of(Type::kSnapshot).front().is_snapshot);
}

// Entries are released only as far as the core has let go of them.
TEST_F(DriverLeaderTest, ASnapshotAheadOfWhatWasReportedAsAppliedReleasesNothingTooMuch) {
  core_options.tail_bytes_max = 1;
  core_options.message_bytes_max = 4000;
  begin();
  for (int i = 0; i < 60; i++) {
    (void)propose(Bytes(1000, 'x'));
    ASSERT_TRUE(round().ok());
  }
  applies = false;
  PeerMessage response = from(2, Type::kAppendResponse, term());
  response.index = driver->status().last;
  deliver(response);
  ASSERT_TRUE(round().ok());
  snapshot_at(60, 60);
  // The third member is far behind, and is sent what it misses.
  refuse(3, 10);
  transport.sent.clear();
  ASSERT_TRUE(round().ok());
  ASSERT_FALSE(transport.of(Type::kAppend).empty());
  EXPECT_EQ(transport.of(Type::kAppend).front().message.entries.front().index, Index(3));
}

// Whoever removes the leader makes it hand over first, but leadership may come back in between.
TEST_F(DriverLeaderTest, ALeaderThatAppliesItsRemovalIsStill) {
  begin();
  const auto removal = propose_change(ChangeKind::kRemove, 1);
  const auto behind = propose("x");
  const auto reading = read();
  ASSERT_TRUE(round().ok());
  acknowledge(3);
  const auto last = propose("z");
  ASSERT_TRUE(round().ok());
  EXPECT_TRUE(driver->removed());
  EXPECT_EQ(last->codes, Codes{Code::kUnknown});
  EXPECT_EQ(removal->codes, Codes{Code::kOk});
  EXPECT_EQ(behind->codes, Codes{Code::kUnknown});
  EXPECT_EQ(reading->codes, Codes{Code::kNoLeader});
  EXPECT_EQ(machine.statuses.back().role, Role::kFollower);
  EXPECT_EQ(propose("y")->codes, Codes{Code::kNoLeader});
  for (int i = 0; i < 50; i++) {
    driver->tick();
    acknowledge(4);
    ASSERT_TRUE(round().ok());
  }
}

TEST_F(DriverLeaderTest, TheLogStaysForMembersThatAreBehind) {
  begin();
  for (int i = 0; i < 20; i++) (void)propose("x");
  ASSERT_TRUE(round().ok());
  const Driver::Retention none{.entries = 0};
  // What is known of the others is the first entry of this term.
  EXPECT_EQ(driver->releasable(Index(20), none), Index(2));
  acknowledge(15);
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(driver->releasable(Index(20), none), Index(15));
  EXPECT_EQ(driver->releasable(Index(20), {.entries = 8}), Index(12));
  EXPECT_EQ(driver->releasable(Index(20), {.entries = 100}), Index(1));
  EXPECT_EQ(driver->releasable(Index(10), none), Index(10));

  // One that was sent a snapshot goes on from there, until it has told how far it is.
  driver->keep_after(RaftId(3), Index(9));
  EXPECT_EQ(driver->releasable(Index(20), none), Index(9));
  snapshot_at(9, 5);
  EXPECT_EQ(driver->releasable(Index(20), none), Index(15));
}

TEST_F(DriverLeaderTest, MembersThatAreTooFarBehindHaveToTakeASnapshot) {
  begin();
  acknowledge(4);
  for (int i = 0; i < 60; i++) {
    (void)propose(Bytes(1000, 'x'));
    ASSERT_TRUE(round().ok());
  }
  const std::uint64_t segment = log_options.segment_bytes;
  const Index last = driver->status().last;
  EXPECT_EQ(driver->releasable(last, {.entries = 0, .bytes = segment * 100}), Index(4));
  const Index of_two = driver->releasable(last, {.entries = 0, .bytes = segment * 2});
  EXPECT_GT(of_two, Index(30));
  EXPECT_LT(of_two, last);
  EXPECT_EQ(driver->releasable(last, {.entries = 0, .bytes = 0}), last);
}

}  // namespace
}  // namespace rqlite::raft
