#include "cluster/stream_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/peer_protocol.h"
#include "cluster/peer_stand_in.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr raft::RaftId kSelf(1);
constexpr raft::RaftId kOther(2);
constexpr raft::RaftId kNext(3);

// The log of this node, which takes what it is given and says so.
class FakeLog final : public StreamTarget::Log {
 public:
  std::optional<store::Store::Leader> leader() override {
    std::optional<store::Store::Leader> leader = leader_;
    if (next_leader_) leader_ = std::exchange(next_leader_, std::nullopt);
    return leader;
  }
  std::string cluster_id() override { return "mine"; }
  raft::RaftId raft_id() override { return kSelf; }
  void write(Bytes batch, std::uint64_t epoch, std::uint64_t first,
             std::unique_ptr<store::Write> write) override {
    written_.push_back(batch + " " + std::to_string(epoch) + " " + std::to_string(first));
    write->applied(raft::Index(3), {});
  }
  void confirm(raft::Index index, std::unique_ptr<store::Write> write) override {
    write->applied(index, {});
  }
  void listen(store::StreamListener* listener) override { listener_ = listener; }

  std::optional<store::Store::Leader> leader_;
  std::optional<store::Store::Leader> next_leader_;  // once somebody has asked
  std::vector<std::string> written_;
  store::StreamListener* listener_ = nullptr;
};

// What became of a batch: "applied at 3, 1 results", or the code and the text of a failure.
class Told final : public store::Write {
 public:
  explicit Told(std::shared_ptr<std::promise<std::string>> to) : to_(std::move(to)) {}
  void applied(raft::Index index, std::vector<command::RequestResult> results) override {
    to_->set_value("applied at " + index.to_string() + ", " + std::to_string(results.size()) +
                   " results");
  }
  void failed(const Status& why) override {
    const auto name = [&] {
      switch (why.code()) {
        case Code::kNoLeader:
          return "no leader: ";
        case Code::kNotLeader:
          return "not leader: ";
        case Code::kUnavailable:
          return "unavailable: ";
        case Code::kUnknown:
          return "unknown: ";
        case Code::kDiskFull:
          return "disk full: ";
        default:
          return "another code: ";
      }
    };
    to_->set_value(name() + why.text());
  }

 private:
  const std::shared_ptr<std::promise<std::string>> to_;
};

class StreamTargetTest : public testing::Test {
 protected:
  ~StreamTargetTest() override { client_.close(); }

  void leads(const std::string& address) { log_.leader_ = {kOther, {"other", address}, false}; }
  std::future<std::string> begin_write() {
    auto told = std::make_shared<std::promise<std::string>>();
    std::future<std::string> what = told->get_future();
    target_.write("batch", 7, 42, std::make_unique<Told>(told));
    return what;
  }
  // Blocks until it is known what became of it.
  std::string write() { return begin_write().get(); }
  std::string confirm() {
    auto told = std::make_shared<std::promise<std::string>>();
    std::future<std::string> what = told->get_future();
    target_.confirm(raft::Index(5), std::make_unique<Told>(told));
    return what.get();
  }
  // The same with a leader that answers so.
  std::string write_to(net::Response response) {
    PeerStandIn peer([&](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>& reply) {
      reply->send(response);
    });
    leads(peer.address());
    return write();
  }

  FakeLog log_;
  net::Client client_{net::Client::Options()};
  StreamTarget target_{log_, client_};
};

net::Response says(Bytes body) { return {200, net::kTextType, {}, std::move(body)}; }

TEST_F(StreamTargetTest, WithoutALeaderItGoesNowhere) {
  EXPECT_EQ(write(), "no leader: leader not found");
  EXPECT_THAT(log_.written_, IsEmpty());
}

TEST_F(StreamTargetTest, ALeaderPutsItIntoItsOwnLog) {
  log_.leader_ = {kSelf, {"self", "nowhere"}, true};
  EXPECT_EQ(write(), "applied at 3, 0 results");
  EXPECT_THAT(log_.written_, testing::ElementsAre("batch 7 42"));
}

TEST_F(StreamTargetTest, AnotherLeaderIsToldWhoseItIsAndWhereItBelongs) {
  BatchResults results;
  results.index = raft::Index(9);
  results.results.resize(2);
  PeerStandIn peer([&](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>& reply) {
    reply->send(says(encode(results)));
  });
  leads(peer.address());
  EXPECT_EQ(write(), "applied at 9, 2 results");
  ASSERT_THAT(peer.asked(), SizeIs(1));
  const PeerStandIn::Asked asked = peer.asked()[0];
  EXPECT_EQ(asked.method + " " + asked.target, "POST /peer/1/batch?epoch=7&first=42");
  EXPECT_EQ(asked.body, "batch");
  EXPECT_EQ(asked.header(kClusterHeader), "mine");
  EXPECT_EQ(asked.header(kFromHeader), to_text(kSelf));
  EXPECT_EQ(asked.header(kToHeader), to_text(kOther));
  EXPECT_THAT(log_.written_, IsEmpty());
}

TEST_F(StreamTargetTest, WhatTheLeaderSaysIsWhatIsTold) {
  EXPECT_EQ(write_to(failure({Code::kNotLeader, "not leader"})), "not leader: not leader");
  EXPECT_EQ(write_to(failure({Code::kDiskFull, "no space"})), "disk full: no space");
  EXPECT_EQ(write_to(failure({Code::kUnknown, "leadership lost"})), "unknown: leadership lost");
}

TEST_F(StreamTargetTest, WhatAnotherNodeAtItsAddressSaysIsNotTheLastWord) {
  EXPECT_EQ(write_to(failure({Code::kInvalid, "this node is of no cluster yet"})),
            "unavailable: another node answers at the leader's address: this node is of no cluster "
            "yet");
}

// The next four differ in whether the batch may have been applied: the queue sends it again in any
// case, but what is unknown keeps its place until it is known.

TEST_F(StreamTargetTest, WhatNeverLeftWasNeverApplied) {
  leads("127.0.0.1:1");
  EXPECT_THAT(write(), StartsWith("unavailable: "));
  EXPECT_THAT(write(), HasSubstr("127.0.0.1:1"));
}

TEST_F(StreamTargetTest, OfWhatLeftAndWasNotAnsweredTheFateIsUnknown) {
  PeerStandIn peer;
  peer.answer(
      [this](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>&) { client_.close(); });
  leads(peer.address());
  EXPECT_THAT(write(), StartsWith("unknown: "));
}

TEST_F(StreamTargetTest, OfAnAnswerThatMakesNoSenseToo) {
  EXPECT_EQ(write_to(says("\xff")), "unknown: the leader's answer cannot be read");
}

// Such as that of a node that lets go of a request as it stops.
TEST_F(StreamTargetTest, OfAnAnswerThatDoesNotSayWhyToo) {
  EXPECT_EQ(write_to({503, net::kTextType, {}, "shutting down"}),
            "unknown: unexpected answer 503 of another node: shutting down");
}

TEST_F(StreamTargetTest, TheLeaderIsAskedWhatItHasApplied) {
  EXPECT_EQ(confirm(), "no leader: leader not found");
  log_.leader_ = {kSelf, {"self", "nowhere"}, true};
  EXPECT_EQ(confirm(), "applied at 5, 0 results");
  PeerStandIn peer([&](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>& reply) {
    reply->send(says(encode(BatchResults{raft::Index(5), {}})));
  });
  leads(peer.address());
  EXPECT_EQ(confirm(), "applied at 5, 0 results");
  ASSERT_THAT(peer.asked(), SizeIs(1));
  const PeerStandIn::Asked asked = peer.asked()[0];
  EXPECT_EQ(asked.method + " " + asked.target, "GET /peer/1/applied?index=5");
  EXPECT_EQ(asked.header(kClusterHeader), "mine");
  EXPECT_EQ(asked.header(kToHeader), to_text(kOther));
  peer.answer([](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>& reply) {
    reply->send(failure({Code::kUnavailable, "not yet"}));
  });
  EXPECT_EQ(confirm(), "unavailable: not yet");
}

TEST_F(StreamTargetTest, WhoLeadsNoMoreIsNotWaitedFor) {
  PeerStandIn silent;
  leads(silent.address());
  std::future<std::string> told = begin_write();
  silent.wait_until_asked(1);
  target_.leader_changed();  // the same one
  log_.leader_.reset();
  target_.leader_changed();  // it may come back
  EXPECT_EQ(told.wait_for(0s), std::future_status::timeout);
  log_.leader_ = {kNext, {"next", "nowhere"}, false};
  target_.leader_changed();
  EXPECT_THAT(told.get(), StartsWith("unknown: "));
}

TEST_F(StreamTargetTest, NorWhoLedUntilABatchLeft) {
  PeerStandIn silent;
  leads(silent.address());
  log_.next_leader_ = {kNext, {"next", "nowhere"}, false};
  EXPECT_THAT(write(), testing::AnyOf(StartsWith("unknown: "), StartsWith("unavailable: ")));
}

TEST_F(StreamTargetTest, AfterTheEndNothingIsSent) {
  PeerStandIn peer;
  leads(peer.address());
  client_.close();
  EXPECT_THAT(write(), StartsWith("unavailable: "));
  EXPECT_THAT(peer.asked(), IsEmpty());
}

TEST_F(StreamTargetTest, ItIsThisNodesLogThatTellsWhatWasApplied) {
  class Listener final : public store::StreamListener {
    void on_stream_applied(std::uint64_t, std::uint64_t, raft::Index,
                           std::vector<command::RequestResult>) override {}
  } listener;
  target_.listen(&listener);
  EXPECT_EQ(log_.listener_, &listener);
  target_.listen(nullptr);
  EXPECT_EQ(log_.listener_, nullptr);
}

}  // namespace
}  // namespace rqlite::cluster
