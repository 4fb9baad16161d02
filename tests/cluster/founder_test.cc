#include "cluster/founder.h"

#include <gtest/gtest.h>

#include "fakes/sim_file_system.h"

namespace rqlite::cluster {
namespace {

constexpr const char* kPath = "/founding";

class FounderTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Founder>> open() {
    Founder::Options options;
    options.identity = {raft::RaftId(1), "n1"};
    options.raft_address = "host:1";
    options.expect = 3;
    return Founder::open(options, files, kPath, client);
  }
  void keep(const Bytes& value) { EXPECT_TRUE(SlotFile::open(files, kPath, value).ok()); }

  SimFileSystem files;
  net::Client client{net::Client::Options()};
};

TEST_F(FounderTest, ANewNodeIsBoundToNobodyAndWritesNothing) {
  const auto founder = open();
  ASSERT_TRUE(founder.ok());
  EXPECT_FALSE((*founder)->is_bound());
  EXPECT_FALSE(*files.exists(kPath));
}

TEST_F(FounderTest, ANodeThatWasStartedAgainIsBoundAsBefore) {
  FoundingVote::State state;
  state.promised = {1, raft::RaftId(1)};
  state.attempt = Attempt{"a cluster", {1, raft::RaftId(1)}, {}};
  state.attempt->parties[raft::RaftId(1)] = {{"n1", "host:1"}, true};
  keep(FoundingVote::encode(state));
  const auto founder = open();
  ASSERT_TRUE(founder.ok());
  EXPECT_TRUE((*founder)->is_bound());
}

TEST_F(FounderTest, AVoteThatCannotBeReadIsNotTakenForNone) {
  keep("nonsense");
  const auto founder = open();
  ASSERT_FALSE(founder.ok());
  EXPECT_EQ(founder.error().code(), Code::kFailed);
  EXPECT_EQ(founder.error().text(), "/founding does not hold a vote on a cluster");
}

TEST_F(FounderTest, BeforeTheStoreIsOpenNothingIsAnswered) {
  auto founder = open();
  ASSERT_TRUE(founder.ok());
  Status status;
  (*founder)->answer({}, [&](Result<Bytes> answer) { status = answer.error(); });
  (*founder)->stop();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.text(), "store not open");
}

}  // namespace
}  // namespace rqlite::cluster
