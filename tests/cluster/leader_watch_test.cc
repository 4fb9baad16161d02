#include "cluster/leader_watch.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "raft/members.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

class LeaderWatchTest : public testing::Test {
 protected:
  bool look(Nanos passed, bool has_leader = false) {
    return watch_.look(has_leader, now_ += passed);
  }

  TimePoint now_{1h};
  LeaderWatch watch_{10s};
};

TEST_F(LeaderWatchTest, ItIsToldOnce) {
  EXPECT_FALSE(look(0s));
  EXPECT_FALSE(look(9999ms));
  EXPECT_TRUE(look(1ms));
  EXPECT_FALSE(look(1h));
}

TEST_F(LeaderWatchTest, ItBeginsAnewWithEachLeader) {
  look(0s);
  EXPECT_TRUE(look(10s));
  EXPECT_FALSE(look(1s, true));
  EXPECT_FALSE(look(1h));
  EXPECT_FALSE(look(9s));
  EXPECT_TRUE(look(1s));
}

TEST_F(LeaderWatchTest, ALeaderInTimeIsNotWorthAWord) {
  look(0s);
  EXPECT_FALSE(look(9s, true));
  EXPECT_FALSE(look(9s));
  EXPECT_FALSE(look(9s));
}

constexpr raft::RaftId kSelf(1);
constexpr raft::RaftId kSecond(2);
constexpr raft::RaftId kThird(3);
constexpr raft::RaftId kReader(4);

// Of three who vote and one who reads.
std::string why(std::set<raft::RaftId> reached, const std::string& address = "here:1",
                raft::RaftId self = kSelf) {
  raft::Members parts;
  parts.voters = {kSelf, kSecond, kThird};
  parts.learners = {kReader};
  const store::Membership membership({{kSelf, {"one", "here:1", true}},
                                      {kSecond, {"two", "there:1", true}},
                                      {kThird, {"three", "there:2", true}},
                                      {kReader, {"four", "there:3", false}}},
                                     raft::encode_members(parts));
  return why_no_leader(10s, self, address, membership, std::move(reached));
}

constexpr const char* kOut =
    "; if they have one, this node was removed while it did not run, or another one has taken its "
    "place: start it again with -join";

TEST(WhyNoLeader, ThoseWhoVoteMayBeGone) {
  EXPECT_EQ(why({}), "no leader is known for 10s: 0 of 2 other voters can be reached");
  EXPECT_EQ(why({kReader}), "no leader is known for 10s: 0 of 2 other voters can be reached");
}

TEST(WhyNoLeader, AMajorityMayHaveOne) {
  EXPECT_EQ(why({kThird}),
            std::string("no leader is known for 10s: 1 of 2 other voters can be reached") + kOut);
}

TEST(WhyNoLeader, WhoReadsIsNoPartOfAMajority) {
  EXPECT_EQ(why({kThird}, "there:3", kReader),
            "no leader is known for 10s: 1 of 3 other voters can be reached");
  EXPECT_EQ(why({kSecond, kThird}, "there:3", kReader),
            std::string("no leader is known for 10s: 2 of 3 other voters can be reached") + kOut);
}

TEST(WhyNoLeader, ThisNodeMayHaveMoved) {
  EXPECT_EQ(why({kSecond, kThird}, "here:2"),
            "no leader is known for 10s: 2 of 2 other voters can be reached; this node is at "
            "here:2, and they know it at here:1: start it again with -join");
}

}  // namespace
}  // namespace rqlite::cluster
