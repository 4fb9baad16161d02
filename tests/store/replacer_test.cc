#include "store/replacer.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"
#include "fakes/sim_vfs.h"
#include "sqlite/connection.h"

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

// The log: applies each entry at once, unless the test wants to look first.
class FakeLog final : public Replacer::Log {
 public:
  void put(const command::Piece& piece, std::unique_ptr<Write> write) override {
    if (piece.bytes.empty()) given_up.push_back(piece.file);
    before_piece();
    end(piece_fails, std::move(write));
  }
  void put(const command::Replacement& replacement, std::unique_ptr<Write> write) override {
    replacements.push_back(replacement.file);
    end(replacement_fails, std::move(write));
  }

  std::function<void()> before_piece = [] {};
  Status piece_fails;
  Status replacement_fails;
  std::vector<std::uint64_t> given_up;
  std::vector<std::uint64_t> replacements;

 private:
  static void end(const Status& status, std::unique_ptr<Write> write) {
    if (!status.ok()) return write->failed(status);
    write->applied(raft::Index(1), {});
  }
};

class KeptStatus final : public Write {
 public:
  explicit KeptStatus(Status& status) : status_(status) {}
  void applied(raft::Index, std::vector<command::RequestResult>) override { status_ = {}; }
  void failed(const Status& why) override { status_ = why; }

 private:
  Status& status_;
};

class ReplacerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(files_.make_directories(paths_.set_aside()).ok());
    ASSERT_TRUE(files_.make_directories(paths_.scratch()).ok());
  }
  Status replace(bool has_other_members) {
    const std::string path = paths_.scratch() + "/" + std::to_string(++made_);
    {
      sqlite::EntryVfs entry_vfs(vfs_.name());
      auto made = sqlite::Connection::open_writer(path, entry_vfs, false);
      EXPECT_TRUE((*made)->execute("CREATE TABLE t(v)").ok());
      EXPECT_TRUE((*made)->checkpoint_passive().ok());
    }
    Status status(Code::kFailed, "nobody was told");
    replacer_.replace(path, has_other_members, std::make_unique<KeptStatus>(status));
    EXPECT_FALSE(*files_.exists(path));
    return status;
  }
  std::vector<std::string> aside() { return *files_.list(paths_.set_aside()); }

  SimFileSystem files_;
  SimVfs vfs_{files_};
  FakeClock clock_;
  const DatabaseFiles paths_{"/data"};
  const sqlite::Extensions no_extensions_;
  SetAside set_aside_{files_, paths_, vfs_.name(), no_extensions_};
  FakeLog log_;
  Replacer replacer_{log_, set_aside_, files_, paths_, clock_};
  int made_ = 0;
};

TEST_F(ReplacerTest, WithoutOtherMembersNoPieceIsSent) {
  log_.piece_fails = {Code::kFailed, "sent to nobody"};
  EXPECT_TRUE(replace(false).ok());
  EXPECT_EQ(log_.replacements.size(), 1u);
  EXPECT_TRUE(aside().empty());
}

TEST_F(ReplacerTest, APieceThatFailsEndsItBeforeAnythingIsReplaced) {
  log_.piece_fails = {Code::kUnknown, "leadership lost"};
  EXPECT_EQ(replace(true).code(), Code::kUnavailable);
  EXPECT_TRUE(log_.replacements.empty());
  log_.piece_fails = {};
  EXPECT_TRUE(replace(true).ok());
}

TEST_F(ReplacerTest, ASecondOneIsRefusedForAsLongAsTheFirstIsOnItsWay) {
  Status second;
  log_.before_piece = [&] {
    if (second.ok()) second = replace(true);
    EXPECT_TRUE(log_.replacements.empty());
  };
  EXPECT_TRUE(replace(true).ok());
  log_.before_piece = [] {};
  EXPECT_EQ(second.code(), Code::kUnavailable);
  EXPECT_EQ(second.text(), "another database is being loaded");
  EXPECT_TRUE(replace(true).ok());
  log_.replacement_fails = {Code::kUnknown, "leadership lost"};
  EXPECT_EQ(replace(true).code(), Code::kUnknown);
  log_.replacement_fails = {};
  EXPECT_TRUE(replace(true).ok());
  EXPECT_EQ(log_.replacements.size(), 4u);
}

// Its entry may be in the log, and is applied yet.
TEST_F(ReplacerTest, AFileOfUnknownFateStays) {
  log_.replacement_fails = {Code::kUnknown, "leadership lost"};
  EXPECT_EQ(replace(false).code(), Code::kUnknown);
  EXPECT_TRUE(*files_.exists(paths_.set_aside(log_.replacements.at(0))));
  log_.replacement_fails = {Code::kNotLeader, "not leader"};
  EXPECT_EQ(replace(false).code(), Code::kNotLeader);
  EXPECT_EQ(aside().size(), 1u);
}

TEST_F(ReplacerTest, AnOrphanIsGivenUpOnceASecond) {
  replacer_.give_up_orphan(std::nullopt);
  EXPECT_TRUE(log_.given_up.empty());
  const IncomingFile orphan{77, 5, raft::Term(2)};
  replacer_.give_up_orphan(orphan);
  clock_.advance(999ms);
  replacer_.give_up_orphan(orphan);
  EXPECT_EQ(log_.given_up, (std::vector<std::uint64_t>{77}));
  clock_.advance(1ms);
  replacer_.give_up_orphan(orphan);
  EXPECT_EQ(log_.given_up, (std::vector<std::uint64_t>{77, 77}));
}

TEST_F(ReplacerTest, WhatIsOnItsWayIsNoOrphan) {
  log_.before_piece = [&] { replacer_.give_up_orphan(IncomingFile{77, 5, raft::Term(2)}); };
  EXPECT_TRUE(replace(true).ok());
  EXPECT_TRUE(log_.given_up.empty());
}

}  // namespace
}  // namespace rqlite::store
