#include "cluster/founding_messages.h"

#include <gtest/gtest.h>

namespace rqlite::cluster {
namespace {

Attempt an_attempt() {
  Attempt attempt{"a cluster", {7, raft::RaftId(3)}, {}};
  attempt.parties[raft::RaftId(3)] = {{"n3", "host:3"}, true};
  attempt.parties[raft::RaftId(4)] = {{"n4", "[::1]:4"}, false};
  return attempt;
}

TEST(FoundingMessagesTest, AViewArrivesAsItWasSent) {
  FounderView view;
  view.identity = {raft::RaftId(1), "n1"};
  view.raft_address = "host:1";
  view.wants_vote = true;
  view.expect = 3;
  view.cluster_id = "c";
  view.promised = {2, raft::RaftId(9)};
  view.attempt = an_attempt();
  view.addresses = {"host:1", "host:2"};
  const std::optional<FounderView> read = decode_founder_view(encode(view));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->identity.raft_id, view.identity.raft_id);
  EXPECT_EQ(read->identity.node_id, "n1");
  EXPECT_EQ(read->raft_address, "host:1");
  EXPECT_TRUE(read->wants_vote);
  EXPECT_EQ(read->expect, 3u);
  EXPECT_EQ(read->cluster_id, "c");
  EXPECT_EQ(read->promised, view.promised);
  EXPECT_EQ(read->attempt, view.attempt);
  EXPECT_EQ(read->addresses, view.addresses);
}

TEST(FoundingMessagesTest, AViewOfNobodyIsRefused) {
  FounderView view;
  view.identity = {raft::RaftId(1), "n1"};
  EXPECT_FALSE(decode_founder_view(encode(view)));  // at no address
  view.raft_address = "host:1";
  EXPECT_TRUE(decode_founder_view(encode(view)));
  view.identity.node_id = "";
  EXPECT_FALSE(decode_founder_view(encode(view)));
  view.identity = {raft::RaftId(), "n1"};
  EXPECT_FALSE(decode_founder_view(encode(view)));
}

TEST(FoundingMessagesTest, ARequestArrivesAsItWasSent) {
  using Kind = FoundingRequest::Kind;
  for (const Kind kind : {Kind::kPrepare, Kind::kAccept, Kind::kLearn}) {
    const FoundingRequest request{
        kind, raft::RaftId(4), an_attempt(), {8, raft::RaftId(3)}, Verdict::kFound};
    const std::optional<FoundingRequest> read = decode_founding_request(encode(request));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->kind, kind);
    EXPECT_EQ(read->to, request.to);
    EXPECT_EQ(read->attempt, request.attempt);
    EXPECT_EQ(read->ballot, request.ballot);
    EXPECT_EQ(read->verdict, Verdict::kFound);
  }
  EXPECT_EQ(decode_founding_request(encode(FoundingRequest()))->kind, Kind::kView);
}

TEST(FoundingMessagesTest, ARequestThatMakesNoSenseIsRefused) {
  using Kind = FoundingRequest::Kind;
  EXPECT_FALSE(decode_founding_request(""));
  EXPECT_FALSE(decode_founding_request("\xff\xff\xff"));
  FoundingRequest request{
      Kind::kPrepare, raft::RaftId(4), an_attempt(), {8, raft::RaftId(3)}, Verdict::kDrop};
  request.to = raft::RaftId();
  EXPECT_FALSE(decode_founding_request(encode(request)));
  request.to = raft::RaftId(4);
  request.attempt.parties.clear();
  EXPECT_FALSE(decode_founding_request(encode(request)));
  request.attempt = an_attempt();
  request.attempt.cluster_id.clear();
  EXPECT_FALSE(decode_founding_request(encode(request)));
  request.attempt = an_attempt();
  request.attempt.birth.round = 0;
  EXPECT_FALSE(decode_founding_request(encode(request)));
  request.attempt = an_attempt();
  request.attempt.parties[raft::RaftId(3)].founds = false;  // so nobody does
  EXPECT_FALSE(decode_founding_request(encode(request)));
}

TEST(FoundingMessagesTest, AnAnswerArrivesAsItWasSent) {
  using Answer = FoundingVote::Answer;
  for (const Answer& answer :
       {Answer{Answer::Kind::kGranted,
               {3, raft::RaftId(1)},
               FoundingVote::Accepted{{2, raft::RaftId(5)}, Verdict::kFound},
               true},
        Answer{Answer::Kind::kOutrun, {9, raft::RaftId(1)}, {}, false},
        Answer{Answer::Kind::kBusy, {}, {}, false}, Answer{Answer::Kind::kNever, {}, {}, false},
        Answer{Answer::Kind::kIsFounded, {}, {}, false}}) {
    EXPECT_EQ(decode_vote_answer(encode(answer)), answer);
  }
  EXPECT_FALSE(decode_vote_answer(""));
  EXPECT_FALSE(decode_vote_answer("\x08\x63"));
}

}  // namespace
}  // namespace rqlite::cluster
