#include "cluster/write_forwarder.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "fakes/fake_clock.h"
#include "fakes/fake_headers.h"
#include "fakes/fake_reply.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using Leader = WriteForwarder::Leader;

const raft::RaftId kSelf(1);
const raft::RaftId kSecond(2);
const raft::RaftId kThird(3);

// What is sent stays under way until the test ends it.
class FakeWays final : public WriteForwarder::Ways {
 public:
  struct Sent {
    raft::RaftId to;
    Bytes body;
    command::Origin origin;
    std::shared_ptr<net::Reply> reply;
    WriteForwarder::OnFailure failed;
    bool given_up = false;
  };

  std::optional<Leader> leader() override { return leader_; }
  net::CallHandle send(const Leader& to, const net::Request& request, const command::Origin& origin,
                       Forwarder::Limits, std::shared_ptr<net::Reply> reply,
                       WriteForwarder::OnFailure failed) override {
    sent_.push_back({to.id, request.body, origin, std::move(reply), std::move(failed)});
    return net::CallHandle([this, at = sent_.size() - 1] { sent_[at].given_up = true; });
  }
  bool later(std::chrono::nanoseconds delay, std::function<void()> work) override {
    if (!open_) return false;
    waiting_.emplace_back(delay, std::move(work));
    return true;
  }

  void leads(raft::RaftId id) { leader_ = Leader{id, {}, id == kSelf}; }
  void nobody_leads() { leader_.reset(); }
  // Ends the last one that was sent.
  void answer(std::string body) {
    const Sent last = std::move(sent_.back());
    sent_.back() = {};
    last.reply->send(net::Response::json(std::move(body)));
  }
  void fail(Code code, std::string text = "why") {
    const auto failed = std::move(sent_.back().failed);
    sent_.back().reply = nullptr;
    failed({code, std::move(text)});
  }
  // Runs what waits, and says after which delay.
  std::chrono::nanoseconds run_next() {
    auto [delay, work] = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    work();
    return delay;
  }

  bool open_ = true;
  std::vector<Sent> sent_;
  std::vector<std::pair<std::chrono::nanoseconds, std::function<void()>>> waiting_;

 private:
  std::optional<Leader> leader_;
};

class WriteForwarderTest : public testing::Test {
 protected:
  // As a cluster does: nothing is under way any more when the forwarder goes.
  ~WriteForwarderTest() override {
    here_.clear();
    ways_.waiting_.clear();
    ways_.sent_.clear();
  }

  std::shared_ptr<FakeReply> begin(std::string body) {
    net::Request request;
    request.body = std::move(body);
    request.headers = &headers_;
    auto reply = std::make_shared<FakeReply>();
    WriteForwarder::Here here = [this](net::Request written, std::shared_ptr<net::Reply> to,
                                       const command::Origin& origin,
                                       WriteForwarder::OnFailure refused) {
      here_.push_back({kSelf, written.body, origin, std::move(to), std::move(refused)});
    };
    forwarder_.forward({std::move(request), reply, {}, std::move(here), [](const Status& why) {
                          return net::Response::text(500, why.text());
                        }});
    return reply;
  }
  static std::string text_of(const FakeReply& reply) {
    return reply.response_ ? reply.response_->body : "no answer";
  }

  FakeClock clock_;
  FakeHeaders headers_;
  FakeWays ways_;
  store::OriginNumbers numbers_{kSelf, 7};
  WriteForwarder forwarder_{ways_, numbers_, clock_, {.patience = 5s, .pause = 50ms}};
  std::vector<FakeWays::Sent> here_;
};

TEST_F(WriteForwarderTest, TheLeaderAnswers) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  EXPECT_EQ(ways_.sent_.back().to, kSecond);
  EXPECT_EQ(ways_.sent_.back().body, "a");
  ways_.answer("done");
  EXPECT_EQ(text_of(*reply), "done");
  EXPECT_EQ(numbers_.kept(), 0u);
}

TEST_F(WriteForwarderTest, EachWriteHasAnOriginThatStaysUntilItIsAnswered) {
  ways_.leads(kSecond);
  const auto first = begin("a");
  const auto second = begin("b");
  ASSERT_EQ(ways_.sent_.size(), 2u);
  EXPECT_EQ(ways_.sent_[0].origin,
            (command::Origin{.member = 1, .epoch = 7, .number = 1, .answered_below = 1}));
  EXPECT_EQ(ways_.sent_[1].origin.number, 2u);
  EXPECT_EQ(numbers_.kept(), 2u);
  ways_.answer("b done");
  EXPECT_EQ(numbers_.kept(), 2u);  // the first one is not answered
}

TEST_F(WriteForwarderTest, WhatGetsLostIsSentAgainAsTheSame) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  const command::Origin origin = ways_.sent_.back().origin;
  ways_.fail(Code::kUnknown);
  EXPECT_EQ(text_of(*reply), "no answer");
  EXPECT_EQ(ways_.run_next(), 50ms);
  ASSERT_EQ(ways_.sent_.size(), 2u);
  EXPECT_EQ(ways_.sent_.back().origin, origin);
  EXPECT_EQ(ways_.sent_.back().body, "a");
  ways_.answer("done");
  EXPECT_EQ(text_of(*reply), "done");
  EXPECT_EQ(numbers_.kept(), 0u);
}

TEST_F(WriteForwarderTest, AnotherLeaderIsAskedAtOnce) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  ways_.leads(kThird);
  ways_.fail(Code::kNotLeader);
  EXPECT_EQ(ways_.run_next(), 0ns);
  EXPECT_EQ(ways_.sent_.back().to, kThird);
}

TEST_F(WriteForwarderTest, NobodyWaitsForALeaderThatIsNoneAnyMore) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  forwarder_.leader_changed();  // still the same one
  EXPECT_FALSE(ways_.sent_[0].given_up);
  ways_.nobody_leads();
  forwarder_.leader_changed();  // it may come back
  EXPECT_FALSE(ways_.sent_[0].given_up);
  ways_.leads(kThird);
  forwarder_.leader_changed();
  EXPECT_TRUE(ways_.sent_[0].given_up);
}

TEST_F(WriteForwarderTest, ThisNodeItselfWritesWhenItLeads) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  const command::Origin origin = ways_.sent_.back().origin;
  ways_.leads(kSelf);
  ways_.fail(Code::kUnknown);
  ways_.run_next();
  ASSERT_EQ(here_.size(), 1u);
  EXPECT_EQ(here_[0].origin, origin);
  EXPECT_EQ(here_[0].body, "a");
  // And goes on elsewhere when it does not lead any more.
  ways_.leads(kThird);
  here_[0].failed({Code::kNotLeader, "not leader"});
  ways_.run_next();
  EXPECT_EQ(ways_.sent_.back().to, kThird);
  EXPECT_EQ(ways_.sent_.back().body, "a");
}

TEST_F(WriteForwarderTest, WaitsForALeaderAsLongAsItsPatienceLasts) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  ways_.nobody_leads();
  ways_.fail(Code::kUnavailable, "connection refused");
  clock_.advance(4s);
  EXPECT_EQ(ways_.run_next(), 50ms);
  EXPECT_EQ(text_of(*reply), "no answer");
  clock_.advance(1s);
  ways_.run_next();
  EXPECT_EQ(text_of(*reply), "leader not found\n");
  EXPECT_TRUE(ways_.waiting_.empty());
  EXPECT_EQ(numbers_.kept(), 0u);
}

TEST_F(WriteForwarderTest, WhatMayBeDoneIsNotSaidToHaveFailed) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  ways_.fail(Code::kUnknown, "connection reset");
  ways_.run_next();
  ways_.fail(Code::kFull, "the queue is full");  // the second copy was not taken
  EXPECT_EQ(text_of(*reply), "connection reset\n");
}

TEST_F(WriteForwarderTest, WhatIsRefusedIsNotSentAgain) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  ways_.fail(Code::kDiskFull, "disk is full");
  EXPECT_EQ(text_of(*reply), "disk is full\n");
  EXPECT_TRUE(ways_.waiting_.empty());
}

TEST_F(WriteForwarderTest, WhenTheEndHasComeTheClientHearsWhy) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  ways_.open_ = false;
  ways_.fail(Code::kUnavailable, "the client is closed");
  EXPECT_EQ(text_of(*reply), "the client is closed\n");
  EXPECT_EQ(numbers_.kept(), 0u);
}

}  // namespace
}  // namespace rqlite::cluster
