#include "http/cluster_figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "raft/members.h"

namespace rqlite::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr raft::RaftId kKnown(2);
constexpr raft::RaftId kUnknown(0x9abc);

cluster::RaftTransport::PeerReport report_of(raft::RaftId id) {
  cluster::RaftTransport::PeerReport report;
  report.id = id;
  return report;
}

TEST(ClusterFiguresTest, WhoIsNoMemberHasNoSeries) {
  const store::Membership members({{kKnown, {"two", "host:2", true}}},
                                  raft::encode_members({{kKnown}, {}}));
  MetricsText text;
  add_peer_metrics(text, {report_of(kKnown), report_of(kUnknown)}, members, raft::Index(9), {});
  const Bytes all = std::move(text).take();
  EXPECT_THAT(all, HasSubstr("rqlite_peer_connected{node=\"two\"} 0\n"));
  EXPECT_THAT(all, HasSubstr("rqlite_peer_lost_messages_total{node=\"two\"} 0\n"));
  EXPECT_THAT(all, Not(HasSubstr("9abc")));
}

}  // namespace
}  // namespace rqlite::http
