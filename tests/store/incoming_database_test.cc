#include "store/incoming_database.h"

#include <gtest/gtest.h>

#include "store/machine_fixture.h"
#include "store/replacement_write.h"

namespace rqlite::store {
namespace {

const std::string kSql = "CREATE TABLE loaded(v); INSERT INTO loaded VALUES(7)";
const TestEntry kCreate = {{.sql = {"CREATE TABLE t(v)"}}};
const TestEntry kInsert = {{.sql = {"INSERT INTO t VALUES(1)"}}};

class IncomingDatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(machine_.open().ok());
    ASSERT_TRUE(machine_.apply(kCreate).ok());
    ASSERT_TRUE(machine_.apply(member_comes(2)).ok());
  }

  // What the entry was answered with: "" is success.
  std::string answer_to(const TestEntry& entry) {
    const Status status = machine_.apply(entry);
    return status.ok() ? text_of(machine_.results.front()) : "stopped: " + status.text();
  }
  bool is_loaded() { return machine_.dump().find("loaded") != std::string::npos; }
  std::vector<std::string> aside() { return *files_.list(machine_.paths().set_aside()); }
  void restart() {
    machine_.close();
    files_.crash(SimFileSystem::Crash::kPower, random_);
    ASSERT_TRUE(machine_.open().ok());
  }

  SimFileSystem files_;
  Random random_{1};
  MachineOnDisk machine_{files_, {}};
};

constexpr const char* kNoSuccessor = "request: failed: it does not go on with what came before\n";
constexpr const char* kOthersLackIt =
    "request: failed: the cluster has other members now, which do not have the file\n";

TEST_F(IncomingDatabaseTest, TakesThePlaceOnceItIsWholeWhateverComesBetween) {
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 1, 3)), "");
  EXPECT_EQ(answer_to(kInsert), " id 1 rows 1\n");
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 2, 3)), "");
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 3, 3)), "");
  EXPECT_FALSE(is_loaded());
  EXPECT_EQ(answer_to(replacement_by_pieces(kSql, 9)), "");
  EXPECT_TRUE(is_loaded());
  EXPECT_TRUE(aside().empty());
  EXPECT_EQ(machine_.machine().now().state.incoming, std::nullopt);
  EXPECT_EQ(machine_.snapshotter().last().state.incoming, std::nullopt);
}

TEST_F(IncomingDatabaseTest, AGapEndsIt) {
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 1, 3)), "");
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 3, 3)), kNoSuccessor);
  EXPECT_TRUE(aside().empty());
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 2, 3)), kNoSuccessor);
  EXPECT_EQ(answer_to(replacement_by_pieces(kSql, 9)), kOthersLackIt);
  EXPECT_FALSE(is_loaded());
}

TEST_F(IncomingDatabaseTest, APieceThatIsMissingAtTheEndIsNoticed) {
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 1, 3)), "");
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 2, 3)), "");
  EXPECT_EQ(answer_to(replacement_by_pieces(kSql, 9)), kOthersLackIt);
  EXPECT_FALSE(is_loaded());
}

TEST_F(IncomingDatabaseTest, AnotherFileTakesItsTurn) {
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 1, 2)), "");
  EXPECT_EQ(answer_to(piece_of(kSql, 10, 1, 2)), "");
  EXPECT_EQ(aside(), std::vector<std::string>{"10.sqlite"});
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 2, 2)), kNoSuccessor);
  EXPECT_TRUE(aside().empty());
}

TEST_F(IncomingDatabaseTest, TheSameFileMayBeginAgain) {
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 1, 2)), "");
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 1, 3)), "");
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 2, 3)), "");
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 3, 3)), "");
  EXPECT_EQ(answer_to(replacement_by_pieces(kSql, 9)), "");
  EXPECT_TRUE(is_loaded());
}

TEST_F(IncomingDatabaseTest, OnlyWhoSendsItGivesItUp) {
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 1, 2)), "");
  EXPECT_EQ(answer_to(give_up(10)), "");
  EXPECT_EQ(aside(), std::vector<std::string>{"9.sqlite"});
  EXPECT_EQ(answer_to(give_up(9)), "");
  EXPECT_TRUE(aside().empty());
  EXPECT_EQ(answer_to(give_up(9)), "");
}

TEST_F(IncomingDatabaseTest, EndsWithTheTermOfItsLeader) {
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 1, 1)), "");
  EXPECT_EQ(answer_to(new_term()), "");
  EXPECT_TRUE(aside().empty());
  EXPECT_EQ(answer_to(replacement_by_pieces(kSql, 9)), kOthersLackIt);
  EXPECT_FALSE(is_loaded());
}

TEST_F(IncomingDatabaseTest, ASnapshotAndARestartInBetweenDoNotHarmIt) {
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 1, 3)), "");
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 2, 3)), "");
  ASSERT_TRUE(machine_.snapshot().ok());
  EXPECT_EQ(machine_.snapshot_index(), machine_.index());
  restart();
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 3, 3)), "");
  EXPECT_EQ(answer_to(replacement_by_pieces(kSql, 9)), "");
  EXPECT_TRUE(is_loaded());
}

TEST_F(IncomingDatabaseTest, AFileStaysForAsLongAsARestartMayWriteToIt) {
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 1, 3)), "");
  ASSERT_TRUE(machine_.snapshot().ok());
  const std::uint64_t at = machine_.index();
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 2, 3)), "");
  EXPECT_EQ(answer_to(give_up(9)), "");
  EXPECT_EQ(aside(), std::vector<std::string>{"9.sqlite"});
  restart();
  ASSERT_EQ(machine_.index(), at);
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 2, 3)), "");
  EXPECT_EQ(answer_to(give_up(9)), "");
  ASSERT_TRUE(machine_.snapshot().ok());
  EXPECT_TRUE(aside().empty());
}

class Ignored final : public Write {
 public:
  void applied(raft::Index, std::vector<command::RequestResult>) override {}
  void failed(const Status&) override {}
};

// A leader that stops, or is none any more, refuses the entry that was to come behind the pieces.
TEST_F(IncomingDatabaseTest, AFileStaysWhenThePiecesCameAndTheLastEntryDidNot) {
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 1, 2)), "");
  ASSERT_TRUE(machine_.snapshot().ok());
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 2, 2)), "");
  ReplacementWrite(
      machine_.set_aside(), {9, 0}, ReplacementWrite::Way::kPieces, [] {},
      std::make_unique<Ignored>())
      .failed({Code::kNotLeader, "not leader"});
  restart();
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 2, 2)), "");
  EXPECT_EQ(answer_to(new_term()), "");
  ASSERT_TRUE(machine_.snapshot().ok());
  EXPECT_TRUE(aside().empty());
}

TEST_F(IncomingDatabaseTest, AFullDiskHoldsAPieceUpAndNothingIsLost) {
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 1, 3)), "");
  files_.set_capacity(0);
  EXPECT_EQ(machine_.apply(piece_of(kSql, 9, 2, 3)).code(), Code::kDiskFull);
  EXPECT_EQ(machine_.resume().code(), Code::kDiskFull);
  files_.set_capacity(std::nullopt);
  EXPECT_TRUE(machine_.resume().ok());
  EXPECT_EQ(text_of(machine_.results.front()), "");
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 3, 3)), "");
  EXPECT_EQ(answer_to(replacement_by_pieces(kSql, 9)), "");
  EXPECT_TRUE(is_loaded());
}

TEST_F(IncomingDatabaseTest, ASnapshotOfAnotherMemberEndsIt) {
  ASSERT_TRUE(machine_.snapshot().ok());
  const MachineOnDisk::Sent sent = machine_.send();
  EXPECT_EQ(answer_to(piece_of(kSql, 9, 1, 3)), "");
  ASSERT_TRUE(machine_.install(sent).ok());
  EXPECT_EQ(machine_.machine().now().state.incoming, std::nullopt);
  EXPECT_TRUE(aside().empty());
}

}  // namespace
}  // namespace rqlite::store
