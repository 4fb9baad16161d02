#include "store/cluster_view.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "raft/members.h"

namespace rqlite::store {
namespace {

constexpr std::uint64_t kSelf = 1;

class ClusterViewTest : public ::testing::Test {
 protected:
  ClusterViewTest() { view_.begin(raft::RaftId(kSelf), false); }

  void members(const std::vector<std::uint64_t>& ids) {
    std::map<raft::RaftId, Member> members;
    raft::Members parts;
    for (const std::uint64_t id : ids) {
      const std::string name = std::to_string(id);
      members[raft::RaftId(id)] = {"n" + name, "host:" + name};
      parts.voters.emplace_back(id);
    }
    view_.members_changed("the cluster", Membership(members, raft::encode_members(parts)),
                          raft::Index(++index_));
  }
  void leads(std::uint64_t id, std::uint64_t term) {
    raft::Core::Status status;
    status.leader = raft::RaftId(id);
    status.term = raft::Term(term);
    status.role = id == kSelf ? raft::Role::kLeader : raft::Role::kFollower;
    view_.core_changed(status);
  }
  // "leader, removed", or as much of it as is new.
  std::string news() {
    const ClusterView::News news = view_.news();
    std::string text;
    if (news.of_leader && !news.leader) text = "nobody";
    if (news.of_leader && news.leader) {
      text = (news.leader->is_self ? "self " : "") + news.leader->member.node_id + " at " +
             news.leader->member.raft_address;
    }
    if (news.was_removed) text += ", removed";
    return text;
  }

  FakeClock clock_;
  ClusterView view_{clock_};
  std::uint64_t index_ = 0;
};

TEST_F(ClusterViewTest, WhoLeadsIsNewsOnce) {
  members({1, 2, 3});
  EXPECT_EQ(news(), "");
  leads(2, 1);
  EXPECT_EQ(news(), "n2 at host:2");
  EXPECT_EQ(news(), "");
  leads(0, 1);
  EXPECT_EQ(news(), "nobody");
  leads(0, 2);  // an election that nobody won
  EXPECT_EQ(news(), "");
  leads(1, 3);
  EXPECT_EQ(news(), "self n1 at host:1");
  leads(3, 4);
  EXPECT_EQ(news(), "n3 at host:3");
}

TEST_F(ClusterViewTest, TheSameLeaderInAnotherTermIsNews) {
  members({1, 2});
  leads(2, 1);
  EXPECT_EQ(news(), "n2 at host:2");
  leads(2, 2);
  EXPECT_EQ(news(), "n2 at host:2");
}

TEST_F(ClusterViewTest, ALeaderIsNoNewsBeforeItIsKnownWhoThatIs) {
  leads(2, 1);
  EXPECT_EQ(news(), "");
  members({1, 2});
  EXPECT_EQ(news(), "n2 at host:2");
  members({1, 2, 3});
  EXPECT_EQ(news(), "");
}

TEST_F(ClusterViewTest, ThatItWasRemovedIsNewsOnce) {
  members({1, 2, 3});
  leads(2, 1);
  EXPECT_EQ(news(), "n2 at host:2");
  members({2, 3});
  EXPECT_EQ(news(), ", removed");
  members({2});
  EXPECT_EQ(news(), "");
  EXPECT_TRUE(view_.report().removed);
}

TEST_F(ClusterViewTest, WhoWaitsForAClusterWasNotRemovedFromIt) {
  view_.members_changed("", Membership(), raft::Index());
  EXPECT_EQ(news(), "");
  EXPECT_FALSE(view_.report().removed);
}

}  // namespace
}  // namespace rqlite::store
