#include <gtest/gtest.h>

#include "base/random.h"
#include "raft/driver.h"
#include "raft/driver_fixture.h"
#include "raft/message.h"

namespace rqlite::raft {
namespace {

using Codes = std::vector<Code>;
using Type = PeerMessage::Type;

// eraftpb.ConfChange: type AddLearnerNode, of node 4; type RemoveNode, of node 1.
constexpr BytesView kAddLearner4("\x10\x02\x18\x04", 4);
constexpr BytesView kRemove1("\x10\x01\x18\x01", 4);

// The leader 2 sends a change of members as entry 2, committed, to whoever has nothing yet.
PeerMessage change_of_members(const DriverFixture& member, BytesView change) {
  PeerMessage message = member.from(2, Type::kAppend, 2);
  message.index = Index(1);
  message.log_term = Term(1);
  message.commit = Index(2);
  LogEntry entry;
  entry.index = Index(2);
  entry.term = Term(2);
  entry.kind = EntryKind::kChange;
  entry.data = change;
  message.entries.push_back(entry);
  return message;
}

// A follower among three; the other two are played by hand.
class DriverFollowerTest : public ::testing::Test, protected DriverFixture {
 protected:
  void begin() {
    voters = {1, 2, 3};
    ASSERT_TRUE(start().ok());
  }

  // The member answers what was delivered with this, after a round.
  PeerMessage answer() {
    transport.sent.clear();
    EXPECT_TRUE(round().ok());
    return transport.sent.empty() ? PeerMessage{} : transport.sent.back().message;
  }
};

TEST_F(DriverFollowerTest, AFollowersAnswerWaitsForItsDisk) {
  begin();
  deliver_entries(2, 2, 2, 3, 1, 1);
  const std::uint64_t before = files.operations();
  EXPECT_EQ(answer().index, Index(4));
  EXPECT_GT(transport.sent.back().operations, before);
  EXPECT_EQ(transport.sent.back().operations, files.operations());
}

TEST_F(DriverFollowerTest, AHeartbeatSaysWhatIsCommitted) {
  begin();
  deliver_entries(2, 2, 2, 3, 1, 1);
  ASSERT_TRUE(round().ok());
  EXPECT_TRUE(machine.handed.empty());
  deliver_heartbeat(2, 2, 4);
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(machine.handed.size(), 3u);
}

TEST_F(DriverFollowerTest, SaysWhetherItCanWrite) {
  begin();
  deliver_entries(2, 2, 2, 3, 1, 1);
  const auto can_write = [this] {
    driver->tick();
    EXPECT_TRUE(round().ok());
    return driver->can_write();
  };
  EXPECT_TRUE(can_write());
  machine.stalled_ = {Code::kDiskFull, "disk is full"};
  EXPECT_FALSE(can_write());
  machine.stalled_ = {};
  EXPECT_TRUE(can_write());
  // The last segment but no next one.
  files.set_capacity(files.used_bytes());
  for (std::uint64_t i = 5; log->has_room(); i++) {
    deliver_entries(2, 2, i, 1, 2, 1, 3000);
    ASSERT_TRUE(round().ok());
  }
  EXPECT_FALSE(can_write());
  files.set_capacity(std::nullopt);
  EXPECT_TRUE(can_write());
}

TEST_F(DriverFollowerTest, DoesNotTakeOverWhatItCannotWrite) {
  begin();
  deliver_entries(2, 2, 2, 3, 1, 1);
  ASSERT_TRUE(round().ok());
  const auto is_asked_to_lead = [this] {
    deliver(from(2, Type::kTimeoutNow, 2));
    ASSERT_TRUE(round().ok());
  };
  machine.stalled_ = {Code::kDiskFull, "disk is full"};
  is_asked_to_lead();
  machine.stalled_ = {};
  // The last segment but no next one.
  files.set_capacity(files.used_bytes());
  for (std::uint64_t i = 5; log->has_room(); i++) {
    deliver_entries(2, 2, i, 1, 2, 1, 3000);
    ASSERT_TRUE(round().ok());
  }
  is_asked_to_lead();
  EXPECT_EQ(driver->status().term, Term(2));
  EXPECT_EQ(driver->status().role, Role::kFollower);
  files.set_capacity(std::nullopt);
  is_asked_to_lead();
  EXPECT_EQ(driver->status().term, Term(3));
  EXPECT_EQ(driver->status().role, Role::kCandidate);
}

// Else its leader would take no writes until it gives up.
TEST_F(DriverFollowerTest, TakesOverAsSoonAsAChangeOfMembersIsApplied) {
  for (const bool is_too_late : {false, true}) {
    DriverFixture member;
    member.voters = {1, 2, 3};
    ASSERT_TRUE(member.start().ok());
    member.deliver(change_of_members(member, kAddLearner4));
    member.applies = false;
    ASSERT_TRUE(member.round().ok());
    ASSERT_EQ(member.machine.handed.size(), 1u);
    member.deliver(member.from(2, Type::kTimeoutNow, 2));
    ASSERT_TRUE(member.round().ok());
    EXPECT_EQ(member.driver->status().role, Role::kFollower);
    if (is_too_late) member.deliver(member.from(3, Type::kHeartbeat, 3));
    member.applies = true;
    ASSERT_TRUE(member.round().ok());
    EXPECT_EQ(member.driver->status().role, is_too_late ? Role::kFollower : Role::kCandidate);
    EXPECT_EQ(member.driver->status().term, Term(3));
  }
}

TEST_F(DriverFollowerTest, DoesNotTakeOverLongAfterItWasAsked) {
  begin();
  deliver(change_of_members(*this, kAddLearner4));
  applies = false;
  ASSERT_TRUE(round().ok());
  deliver(from(2, Type::kTimeoutNow, 2));
  PeerMessage heartbeat = from(2, Type::kHeartbeat, 2);
  heartbeat.commit = Index(2);
  for (std::uint64_t i = 0; i < core_options.election_ticks; i++) {
    driver->tick();
    deliver(heartbeat);
    ASSERT_TRUE(round().ok());
  }
  applies = true;
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(driver->status().role, Role::kFollower);
  EXPECT_EQ(driver->status().term, Term(2));
}

TEST_F(DriverFollowerTest, AVoteWaitsForTheDisk) {
  begin();
  for (const Type type : {Type::kPreVote, Type::kVote}) {
    PeerMessage ask = from(2, type, 2);
    ask.index = Index(1);
    ask.log_term = Term(1);
    deliver(ask);
    const PeerMessage vote = answer();
    EXPECT_FALSE(vote.reject);
  }
  EXPECT_EQ(transport.of(Type::kVoteResponse).size(), 1u);
  EXPECT_EQ(transport.sent.back().operations, files.operations());
  ASSERT_TRUE(restart().ok());
  EXPECT_EQ(driver->status().vote, RaftId(2));
}

TEST_F(DriverFollowerTest, NothingLeavesAfterAFailedSync) {
  begin();
  deliver_entries(2, 2, 2, 3, 1, 1);
  files.fail_sync_after(0);
  transport.sent.clear();
  EXPECT_FALSE(round().ok());
  EXPECT_TRUE(transport.sent.empty());
}

TEST_F(DriverFollowerTest, WhoeverFollowsSaysWhoLeads) {
  begin();
  deliver(from(2, Type::kHeartbeat, 2));
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(propose("x")->codes, Codes{Code::kNotLeader});
  EXPECT_EQ(read()->codes, Codes{Code::kNotLeader});
  EXPECT_EQ(machine.statuses.back().leader, RaftId(2));
}

TEST_F(DriverFollowerTest, AMemberWithoutAVoteForgetsALeaderThatIsSilent) {
  voters = {2, 3};
  learners = {1};
  ASSERT_TRUE(start().ok());
  const auto hear = [this] {
    deliver(from(2, Type::kHeartbeat, 2));
    ASSERT_TRUE(round().ok());
    EXPECT_EQ(machine.statuses.back().leader, RaftId(2));
  };
  const auto wait = [this](std::uint64_t ticks) {
    for (std::uint64_t i = 0; i < ticks; i++) driver->tick();
    ASSERT_TRUE(round().ok());
  };
  for (int times = 0; times < 2; times++) {
    hear();
    wait(core_options.election_ticks - 1);
    EXPECT_EQ(machine.statuses.back().leader, RaftId(2));
    wait(core_options.election_ticks + 1);
    EXPECT_EQ(machine.statuses.back().leader, RaftId());
    EXPECT_EQ(propose("x")->codes, Codes{Code::kNoLeader});
    EXPECT_EQ(driver->status().term, Term(2));
  }
}

TEST_F(DriverFollowerTest, EntriesAreReplacedByALaterLeaders) {
  begin();
  deliver_entries(2, 2, 2, 5, 1, 1);
  ASSERT_TRUE(round().ok());
  deliver_entries(3, 3, 4, 1, 2, 4);
  EXPECT_EQ(answer().index, Index(4));
  ASSERT_EQ(machine.handed.size(), 3u);
  EXPECT_EQ(machine.handed.back().term, Term(3));
  ASSERT_TRUE(restart().ok());
  EXPECT_EQ(driver->status().last, Index(4));
  EXPECT_EQ(driver->status().last_term, Term(3));
}

TEST_F(DriverFollowerTest, ACommitIndexAloneIsNotWorthAWrite) {
  begin();
  deliver_entries(2, 2, 2, 5, 1, 1);
  ASSERT_TRUE(round().ok());
  const std::uint64_t before = files.operations();
  deliver_heartbeat(2, 2, 6);
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(machine.handed.size(), 5u);
  EXPECT_EQ(files.operations(), before);
}

// Whoever has an entry has to know after a restart what was committed before it was proposed: of
// two changes of members, that the first one counts.
TEST_F(DriverFollowerTest, TheCommitIndexIsDurableWithTheEntriesThatComeAfter) {
  begin();
  deliver_entries(2, 2, 2, 3, 1, 1);
  ASSERT_TRUE(round().ok());
  deliver_heartbeat(2, 2, 4);
  ASSERT_TRUE(round().ok());
  deliver_entries(2, 2, 5, 1, 2, 4);
  ASSERT_TRUE(round().ok());
  ASSERT_TRUE(restart().ok());
  EXPECT_EQ(driver->status().commit, Index(4));
}

// Without room for entries it takes none, whatever their size, but stays a follower: heartbeats
// are answered, terms and votes are kept.
TEST_F(DriverFollowerTest, AFullDiskStopsEntriesAndNothingElse) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{500}}) {
    SCOPED_TRACE(bytes);
    DriverFixture member;
    member.voters = {1, 2, 3};
    ASSERT_TRUE(member.start().ok());
    member.files.set_capacity(member.files.used_bytes());
    std::uint64_t next = 2;
    for (int i = 0; i < 2000; i++) {
      member.deliver_entries(2, 2, next, 1, next == 2 ? 1 : 2, next - 1, bytes);
      const Status status = member.round();
      ASSERT_TRUE(status.ok()) << status.text();
      if (member.driver->status().last == Index(next)) next++;
    }
    EXPECT_LT(next, 1000u);
    member.transport.sent.clear();
    member.deliver(member.from(3, Type::kHeartbeat, 3));
    ASSERT_TRUE(member.round().ok());
    EXPECT_EQ(member.transport.of(Type::kHeartbeatResponse).size(), 1u);
    member.files.set_capacity(std::nullopt);
    member.deliver_entries(3, 3, next, 1, 2, next - 1, bytes);
    ASSERT_TRUE(member.round().ok());
    EXPECT_EQ(member.driver->status().last, Index(next));
  }
}

TEST_F(DriverFollowerTest, ASnapshotReplacesEverything) {
  begin();
  deliver_entries(2, 2, 2, 5, 1, 1);
  ASSERT_TRUE(round().ok());
  PeerMessage message = from(3, Type::kSnapshot, 4);
  const Members members{{RaftId(1), RaftId(2), RaftId(3)}, {RaftId(9)}};
  message.snapshot = {Index(50), Term(4), encode_members(members), "manifest"};
  deliver(message);
  EXPECT_EQ(answer().index, Index(50));
  ASSERT_EQ(machine.restored.size(), 1u);
  EXPECT_EQ(machine.restored.front().data, "manifest");
  EXPECT_TRUE(driver->members().contains(RaftId(9)));
  snapshot = machine.restored.front();
  deliver_entries(3, 4, 51, 2, 4, 52);
  EXPECT_EQ(answer().index, Index(52));
  EXPECT_EQ(machine.handed.front().index, Index(51));
  ASSERT_TRUE(restart().ok());
  EXPECT_EQ(driver->status().last, Index(52));
}

// What was handed out before the snapshot came is void, but whoever applies it may not know yet.
TEST_F(DriverFollowerTest, WhatWasAppliedBeforeASnapshotCameMayBeReportedAfterIt) {
  begin();
  applies = false;
  deliver_entries(2, 2, 2, 5, 1, 6);
  ASSERT_TRUE(round().ok());
  ASSERT_EQ(machine.handed.size(), 5u);
  PeerMessage message = from(2, Type::kSnapshot, 2);
  message.snapshot = {Index(50), Term(2), snapshot.conf_state, "manifest"};
  deliver(message);
  ASSERT_TRUE(round().ok());
  driver->applied(Index(6));
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(driver->status().applied, Index(50));
}

// The snapshot is of a later term than the state on disk: the process died between the two.
TEST_F(DriverFollowerTest, AVoteIsOfItsTerm) {
  begin();
  PeerMessage ask = from(2, Type::kVote, 2);
  ask.index = Index(1);
  ask.log_term = Term(1);
  deliver(ask);
  EXPECT_FALSE(answer().reject);
  snapshot = {Index(50), Term(7), snapshot.conf_state, "manifest"};
  ASSERT_TRUE(restart().ok());
  EXPECT_EQ(driver->status().term, Term(7));
  EXPECT_EQ(driver->status().vote, RaftId());
  ask = from(3, Type::kVote, 7);
  ask.index = Index(50);
  ask.log_term = Term(7);
  deliver(ask);
  EXPECT_FALSE(answer().reject);
  ASSERT_TRUE(restart().ok());
  EXPECT_EQ(driver->status().vote, RaftId(3));
}

TEST_F(DriverFollowerTest, AFailedRestoreEndsIt) {
  begin();
  machine.restore_fails = {Code::kDiskFull, "no room"};
  PeerMessage message = from(2, Type::kSnapshot, 2);
  message.snapshot = {Index(50), Term(2), snapshot.conf_state, "manifest"};
  deliver(message);
  EXPECT_EQ(round().code(), Code::kDiskFull);
}

TEST_F(DriverFollowerTest, AMemberThatAppliesItsRemovalIsStill) {
  begin();
  deliver(change_of_members(*this, kRemove1));
  ASSERT_TRUE(round().ok());
  EXPECT_TRUE(driver->removed());
  ASSERT_EQ(machine.handed.size(), 1u);
  transport.sent.clear();
  for (int i = 0; i < 50; i++) {
    driver->tick();
    ASSERT_TRUE(round().ok());
  }
  EXPECT_TRUE(transport.sent.empty());
}

TEST_F(DriverFollowerTest, WhoeverHasNoVoteDoesNotStandForElection) {
  const std::vector<Members> without{{{RaftId(2), RaftId(3)}, {RaftId(1)}}, {}};
  for (const Members& members : without) {
    DriverFixture member;
    member.snapshot = {Index(1), Term(1), encode_members(members), ""};
    ASSERT_TRUE(SegmentLog::make(member.files, member.executor, member.log_options).ok());
    ASSERT_TRUE(member.start().ok());
    member.driver->campaign();
    for (int i = 0; i < 50; i++) {
      member.driver->tick();
      ASSERT_TRUE(member.round().ok());
    }
    EXPECT_EQ(member.driver->status().role, Role::kFollower);
    EXPECT_TRUE(member.transport.sent.empty());
  }
}

TEST_F(DriverFollowerTest, NoiseIsIgnored) {
  begin();
  driver->step("");
  driver->step("noise");
  driver->step(Bytes(1000, '\xFF'));
  EXPECT_TRUE(round().ok());
}

// Its log is older than what it has told the leader: the data directory is an older copy.
TEST_F(DriverFollowerTest, WhoeverHasForgottenWhatItAcknowledgedEnds) {
  for (const std::uint64_t term : {2, 3}) {
    DriverFixture member;
    member.voters = {1, 2, 3};
    ASSERT_TRUE(member.start().ok());
    member.deliver_entries(2, 2, 2, 3, 1, 1);
    ASSERT_TRUE(member.round().ok());
    member.transport.sent.clear();
    member.deliver_heartbeat(2, term, 5);
    const Status why = member.round();
    EXPECT_EQ(why.code(), Code::kFailed);
    EXPECT_EQ(why.text(),
              "this node's log ends at entry 4, but it has acknowledged entry 5: its data "
              "directory is older than what it has promised. Empty it and let the node join its "
              "cluster again");
    EXPECT_TRUE(member.transport.sent.empty());
    member.deliver(member.from(2, Type::kHeartbeat, term));
    EXPECT_EQ(member.round(), why);
    EXPECT_TRUE(member.transport.sent.empty());
  }
}

// What it has at that place instead must not be taken for what is committed there.
TEST_F(DriverFollowerTest, WhoeverHasForgottenTheTermInWhichItAcknowledgedEnds) {
  begin();
  deliver_entries(2, 2, 2, 3, 1, 1);
  ASSERT_TRUE(round().ok());
  deliver_heartbeat(3, 3, 4);
  const Status why = round();
  EXPECT_EQ(why.code(), Code::kFailed);
  EXPECT_EQ(why.text(),
            "this node knows of no term after 2, but it has acknowledged entry 4 in term 3: its "
            "data directory is older than what it has promised. Empty it and let the node join its "
            "cluster again");
  EXPECT_TRUE(machine.handed.empty());
}

TEST_F(DriverFollowerTest, AHeartbeatThatIsOldOrAstrayProvesNothing) {
  begin();
  deliver_entries(2, 2, 2, 3, 1, 1);
  ASSERT_TRUE(round().ok());
  deliver_heartbeat(2, 1, 5);
  PeerMessage astray = from(2, Type::kHeartbeat, 2);
  astray.to = RaftId(4);  // who was at this address before
  astray.commit = Index(5);
  deliver(astray);
  deliver_heartbeat(2, 0, 5);
  EXPECT_TRUE(round().ok());
  lead();
  PeerMessage second = from(2, Type::kHeartbeat, driver->status().term.value());
  second.commit = Index(9);
  deliver(second);
  EXPECT_TRUE(round().ok());
  EXPECT_EQ(driver->status().role, Role::kLeader);
}

// What a power cut takes was not acknowledged, so that nobody counts on it.
TEST_F(DriverFollowerTest, AMemberThatLosesWhatItDidNotSyncGoesOn) {
  begin();
  deliver_entries(2, 2, 2, 3, 1, 1);
  EXPECT_EQ(answer().index, Index(4));
  deliver_entries(2, 2, 5, 3, 2, 1);
  files.fail_sync_after(0);
  transport.sent.clear();
  EXPECT_FALSE(round().ok());
  EXPECT_TRUE(transport.sent.empty());
  Random random(1);
  driver.reset();
  core.reset();
  log.reset();
  files.crash(SimFileSystem::Crash::kPower, random);
  ASSERT_TRUE(restart().ok());
  deliver_heartbeat(2, 2, 4);
  EXPECT_TRUE(round().ok());
  EXPECT_EQ(driver->status().commit, Index(4));
}

// Others were set back to older copies, and went on without what all of them had acknowledged.
TEST_F(DriverFollowerTest, WhoeverHasCommittedWhatItsLeaderLacksEnds) {
  struct Case {
    std::uint64_t first;  // of the entries of term 3 that the leader sends
    std::uint64_t count;
    std::uint64_t before;  // term of the entry in front of them
    const char* text;
  };
  const std::vector<Case> cases{
      {7, 1, 3, "entry 6 is of term 2 here, and of term 3 where the cluster goes on"},
      {7, 0, 3, "entry 6 is of term 2 here, and of term 3 where the cluster goes on"},
      {6, 2, 3, "entry 5 is of term 2 here, and of term 3 where the cluster goes on"},
      {5, 1, 2, "entry 5 is of term 2 here, and of term 3 where the cluster goes on"},
      {5, 5, 2, "entry 5 is of term 2 here, and of term 3 where the cluster goes on"},
      {7, 0, 0, "entry 6 is of term 2 here, and the log of the cluster ends before it"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.text);
    DriverFixture member;
    member.voters = {1, 2, 3};
    ASSERT_TRUE(member.start().ok());
    member.deliver_entries(2, 2, 2, 6, 1, 6);
    ASSERT_TRUE(member.round().ok());
    ASSERT_EQ(member.machine.handed.size(), 5u);
    member.transport.sent.clear();
    member.deliver_entries(3, 3, each.first, each.count, each.before, 4);
    const Status why = member.round();
    EXPECT_EQ(why.code(), Code::kFailed);
    EXPECT_EQ(why.text(),
              std::string("this node has applied what its cluster does not have: ") + each.text +
                  ". Other members have lost what they acknowledged, or were given older copies of "
                  "their data directories. Put this node's data directory away, for nobody else "
                  "has what is in it, and let it join its cluster again with an empty one");
    EXPECT_TRUE(member.transport.sent.empty());
  }
}

TEST_F(DriverFollowerTest, AnAppendThatIsOldOrKnownAlreadyProvesNothing) {
  begin();
  deliver_entries(2, 2, 2, 3, 1, 1);
  deliver_entries(3, 3, 5, 3, 2, 7);
  ASSERT_TRUE(round().ok());
  ASSERT_EQ(machine.handed.size(), 6u);
  snapshot_at(5, 4);
  ASSERT_EQ(driver->status().first, Index(5));
  deliver_entries(3, 3, 6, 2, 3, 7);  // again
  deliver_entries(2, 2, 5, 2, 2, 6);  // of the leader before, whose entries were replaced
  deliver_entries(3, 3, 3, 1, 9, 7);  // of which nothing is known here any more
  deliver_entries(4, 4, 9, 1, 4, 9);  // of which nothing is known here yet
  EXPECT_TRUE(round().ok());
  // An entry that is not committed is replaced.
  deliver_entries(4, 4, 8, 2, 3, 7);
  ASSERT_TRUE(round().ok());
  deliver_entries(2, 5, 8, 1, 3, 7);
  EXPECT_EQ(answer().index, Index(8));
  EXPECT_FALSE(transport.sent.back().message.reject);
  EXPECT_EQ(driver->status().last_term, Term(5));
}

// It has no history and no members, and belongs to the first that brings it both.
TEST_F(DriverFollowerTest, AMemberThatWaitsIsFoundedByASnapshot) {
  snapshot.term = Term(0);
  voters = {};
  unfounded = true;
  ASSERT_TRUE(start().ok());
  for (int i = 0; i < 50; i++) {
    driver->tick();
    ASSERT_TRUE(round().ok());
  }
  driver->campaign();
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(driver->status().role, Role::kFollower);
  EXPECT_TRUE(transport.sent.empty());
  EXPECT_EQ(propose("x")->codes, Codes{Code::kNoLeader});

  const Snapshot founding{Index(1), Term(1), encode_members({{RaftId(1)}, {}}), "founded"};
  driver->step(snapshot_message(RaftId(1), RaftId(1), founding.term, founding));
  ASSERT_TRUE(round().ok());
  ASSERT_EQ(machine.restored.size(), 1u);
  EXPECT_EQ(machine.restored.front().data, "founded");
  driver->campaign();
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(driver->status().role, Role::kLeader);
  const auto proposal = propose("x");
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(proposal->codes, Codes{Code::kOk});

  snapshot = founding;
  ASSERT_TRUE(restart().ok());
  lead();
  EXPECT_EQ(machine.data(), "x");
}

}  // namespace
}  // namespace rqlite::raft
