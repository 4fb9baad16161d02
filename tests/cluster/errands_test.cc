#include "cluster/errands.h"

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
using Leader = Errands::Leader;

const raft::RaftId kSelf(1);
const raft::RaftId kSecond(2);
const raft::RaftId kThird(3);

// What is sent stays under way until the test ends it.
class FakeWays final : public Errands::Ways {
 public:
  struct Sent {
    raft::RaftId to;
    Bytes body;
    std::optional<command::Origin> origin;
    std::shared_ptr<net::Reply> reply;
    Errands::OnFailure failed;
    Forwarder::Limits limits = {};
    bool given_up = false;
  };

  std::optional<Leader> leader() override { return leader_; }
  net::CallHandle send(const Leader& to, const net::Request& request,
                       const std::optional<command::Origin>& origin, Forwarder::Limits limits,
                       std::shared_ptr<net::Reply> reply, Errands::OnFailure failed) override {
    sent_.push_back({to.id, request.body, origin, std::move(reply), std::move(failed), limits});
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

class ErrandsTest : public testing::Test {
 protected:
  // As a cluster does: nothing is under way any more when the forwarder goes.
  ~ErrandsTest() override {
    here_.clear();
    ways_.waiting_.clear();
    ways_.sent_.clear();
  }

  Errands::Errand errand(std::string path, std::string body,
                         const std::shared_ptr<FakeReply>& reply) {
    Errands::Errand errand;
    errand.request.path = std::move(path);
    errand.request.body = std::move(body);
    errand.request.headers = &headers_;
    errand.reply = reply;
    errand.here = [this](net::Request request, std::shared_ptr<net::Reply> to,
                         const std::optional<command::Origin>& origin, Errands::OnFailure refused) {
      here_.push_back({kSelf, request.body, origin, std::move(to), std::move(refused)});
    };
    errand.on_failure = [](const Status& why) { return net::Response::text(500, why.text()); };
    return errand;
  }
  // A write.
  std::shared_ptr<FakeReply> begin(std::string body) {
    auto reply = std::make_shared<FakeReply>();
    errands_.run(errand("/db/execute", std::move(body), reply));
    return reply;
  }
  // A read whose client waits for so long.
  std::shared_ptr<FakeReply> begin_read(std::chrono::nanoseconds within = 30s) {
    auto reply = std::make_shared<FakeReply>();
    Errands::Errand read = errand("/db/query", "q", reply);
    read.may_write = false;
    read.within = within;
    errands_.run(std::move(read));
    return reply;
  }
  // What must not be done twice, though it has no origin.
  std::shared_ptr<FakeReply> begin_removal() {
    auto reply = std::make_shared<FakeReply>();
    Errands::Errand removal = errand("/remove", "r", reply);
    removal.may_write = false;
    removal.may_repeat = false;
    errands_.run(std::move(removal));
    return reply;
  }
  static std::string text_of(const FakeReply& reply) {
    return reply.response_ ? reply.response_->body : "no answer";
  }

  FakeClock clock_;
  FakeHeaders headers_;
  FakeWays ways_;
  store::OriginNumbers numbers_{kSelf, 7};
  Counters counters_;
  Errands errands_{ways_, numbers_, counters_, clock_, {.patience = 5s, .pause = 50ms}};
  std::vector<FakeWays::Sent> here_;
};

TEST_F(ErrandsTest, TheLeaderAnswers) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  EXPECT_EQ(ways_.sent_.back().to, kSecond);
  EXPECT_EQ(ways_.sent_.back().body, "a");
  ways_.answer("done");
  EXPECT_EQ(text_of(*reply), "done");
  EXPECT_EQ(numbers_.kept(), 0u);
}

TEST_F(ErrandsTest, EachWriteHasAnOriginThatStaysUntilItIsAnswered) {
  ways_.leads(kSecond);
  const auto first = begin("a");
  const auto second = begin("b");
  ASSERT_EQ(ways_.sent_.size(), 2u);
  EXPECT_EQ(ways_.sent_[0].origin,
            (command::Origin{.member = 1, .epoch = 7, .number = 1, .answered_below = 1}));
  EXPECT_EQ(ways_.sent_[1].origin->number, 2u);
  EXPECT_EQ(numbers_.kept(), 2u);
  ways_.answer("b done");
  EXPECT_EQ(numbers_.kept(), 2u);  // the first one is not answered
}

TEST_F(ErrandsTest, WhatGetsLostIsSentAgainAsTheSame) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  const std::optional<command::Origin> origin = ways_.sent_.back().origin;
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

TEST_F(ErrandsTest, AnotherLeaderIsAskedAtOnce) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  ways_.leads(kThird);
  ways_.fail(Code::kNotLeader);
  EXPECT_EQ(ways_.run_next(), 0ns);
  EXPECT_EQ(ways_.sent_.back().to, kThird);
}

TEST_F(ErrandsTest, NobodyWaitsForALeaderThatIsNoneAnyMore) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  errands_.leader_changed();  // still the same one
  EXPECT_FALSE(ways_.sent_[0].given_up);
  ways_.nobody_leads();
  errands_.leader_changed();  // it may come back
  EXPECT_FALSE(ways_.sent_[0].given_up);
  ways_.leads(kThird);
  errands_.leader_changed();
  EXPECT_TRUE(ways_.sent_[0].given_up);
}

TEST_F(ErrandsTest, ThisNodeItselfWritesWhenItLeads) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  const std::optional<command::Origin> origin = ways_.sent_.back().origin;
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

TEST_F(ErrandsTest, WaitsForALeaderAsLongAsItsPatienceLasts) {
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

TEST_F(ErrandsTest, WhatMayBeDoneIsNotSaidToHaveFailed) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  ways_.fail(Code::kUnknown, "connection reset");
  ways_.run_next();
  ways_.fail(Code::kFull, "the queue is full");  // the second copy was not taken
  EXPECT_EQ(text_of(*reply), "connection reset\n");
}

TEST_F(ErrandsTest, NorIfTheFirstCopyWasSentAgainToTheSameLeader) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  ways_.sent_.back().limits.on_again({Code::kUnknown, "connection reset"});
  ways_.fail(Code::kUnavailable, "connection refused");
  clock_.advance(5s);
  ways_.run_next();
  ways_.fail(Code::kUnavailable, "connection refused");
  EXPECT_EQ(text_of(*reply), "connection reset\n");
}

TEST_F(ErrandsTest, WhatALaterCopyHearsIsNoAnswerToTheFirst) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  EXPECT_FALSE(ways_.sent_.back().limits.is_in_doubt());
  ways_.fail(Code::kUnavailable, "connection refused");
  ways_.run_next();
  EXPECT_FALSE(ways_.sent_.back().limits.is_in_doubt());
  ways_.fail(Code::kUnknown, "connection reset");
  ways_.run_next();
  EXPECT_TRUE(ways_.sent_.back().limits.is_in_doubt());
}

TEST_F(ErrandsTest, AWriteIsTriedForTwiceItsTimeAtALeaderThatStays) {
  ways_.leads(kSecond);
  auto reply = std::make_shared<FakeReply>();
  Errands::Errand write = errand("/db/execute", "a", reply);
  write.limits.timeout = 1s;
  errands_.run(std::move(write));
  for (int i = 0; i < 2; i++) {
    EXPECT_EQ(text_of(*reply), "no answer");
    EXPECT_EQ(ways_.sent_.back().limits.timeout, 1s);
    clock_.advance(1s);
    ways_.fail(Code::kUnknown, "i/o timeout");
    if (i == 0) ways_.run_next();
  }
  EXPECT_EQ(text_of(*reply), "i/o timeout\n");
  EXPECT_TRUE(ways_.waiting_.empty());
}

TEST_F(ErrandsTest, WhatIsRefusedIsNotSentAgain) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  ways_.fail(Code::kDiskFull, "disk is full");
  EXPECT_EQ(text_of(*reply), "disk is full\n");
  EXPECT_TRUE(ways_.waiting_.empty());
}

TEST_F(ErrandsTest, UnlessAnotherOneLeadsWhoseDiskMayHaveRoom) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  ways_.leads(kThird);
  ways_.fail(Code::kDiskFull, "disk is full");
  EXPECT_EQ(ways_.run_next(), 0ns);
  EXPECT_EQ(ways_.sent_.back().to, kThird);
  ways_.answer("done");
  EXPECT_EQ(text_of(*reply), "done");
}

TEST_F(ErrandsTest, WhatTheLogOfAFullDiskTookMayBecomeKnown) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  ways_.fail(Code::kUnknown, "disk is full: the write is in the log");
  ways_.run_next();
  ways_.fail(Code::kDiskFull, "disk is full");
  EXPECT_EQ(ways_.run_next(), 50ms);
  ways_.answer("done");
  EXPECT_EQ(text_of(*reply), "done");
}

TEST_F(ErrandsTest, AReadNeedsNoOrigin) {
  ways_.leads(kSecond);
  const auto reply = begin_read();
  EXPECT_EQ(ways_.sent_.back().origin, std::nullopt);
  EXPECT_TRUE(ways_.sent_.back().limits.may_repeat);
  EXPECT_EQ(numbers_.kept(), 0u);
  ways_.answer("rows");
  EXPECT_EQ(text_of(*reply), "rows");
}

TEST_F(ErrandsTest, WhatMayNotBeRepeatedIsAskedOfTheNextLeader) {
  ways_.leads(kSecond);
  const auto reply = begin_removal();
  EXPECT_FALSE(ways_.sent_.back().limits.may_repeat);
  ways_.leads(kThird);
  errands_.leader_changed();
  EXPECT_FALSE(ways_.sent_.back().given_up);
  ways_.fail(Code::kNotLeader);
  EXPECT_EQ(ways_.run_next(), 0ms);
  EXPECT_EQ(ways_.sent_.back().to, kThird);
  ways_.answer("done");
  EXPECT_EQ(text_of(*reply), "done");
}

TEST_F(ErrandsTest, WhatMayNotBeRepeatedIsNotIfNobodyKnowsWhatBecameOfIt) {
  ways_.leads(kSecond);
  const auto reply = begin_removal();
  ways_.leads(kThird);
  ways_.fail(Code::kUnknown, "connection reset");
  EXPECT_TRUE(ways_.waiting_.empty());
  EXPECT_EQ(text_of(*reply), "connection reset\n");
}

// Those who await a leader.

TEST_F(ErrandsTest, WhereALeaderIsNobodyAwaitsOne) {
  std::vector<bool> told;
  errands_.await_leader([&](bool is_there) { told.push_back(is_there); });
  EXPECT_EQ(told, std::vector{false});  // there has never been one
  ways_.leads(kSecond);
  errands_.await_leader([&](bool is_there) { told.push_back(is_there); });
  EXPECT_EQ(told, (std::vector{false, true}));
}

TEST_F(ErrandsTest, TheNextLeaderIsAwaitedInOrder) {
  ways_.leads(kSecond);
  errands_.leader_changed();
  ways_.nobody_leads();
  std::vector<int> told;
  for (int i = 0; i < 3; i++) {
    errands_.await_leader([&told, i](bool is_there) { told.push_back(is_there ? i : -i); });
  }
  errands_.leader_changed();
  EXPECT_TRUE(told.empty());
  ways_.leads(kThird);
  errands_.leader_changed();
  EXPECT_EQ(told, (std::vector{0, 1, 2}));
  while (!ways_.waiting_.empty()) ways_.run_next();
  EXPECT_EQ(told.size(), 3U);
}

TEST_F(ErrandsTest, ALeaderIsNotAwaitedForEver) {
  ways_.leads(kSecond);
  errands_.leader_changed();
  ways_.nobody_leads();
  errands_.leader_changed();
  clock_.advance(2s);
  std::vector<bool> told;
  errands_.await_leader([&](bool is_there) { told.push_back(is_there); });
  EXPECT_EQ(ways_.run_next(), 3s);
  EXPECT_EQ(told, std::vector{false});
  clock_.advance(3s);
  errands_.await_leader([&](bool is_there) { told.push_back(is_there); });
  EXPECT_EQ(told, (std::vector{false, false}));
  ways_.leads(kThird);
  errands_.leader_changed();
  EXPECT_EQ(told.size(), 2U);
}

TEST_F(ErrandsTest, WhenTheEndHasComeNoLeaderIsAwaited) {
  ways_.leads(kSecond);
  errands_.leader_changed();
  ways_.nobody_leads();
  ways_.open_ = false;
  std::vector<bool> told;
  errands_.await_leader([&](bool is_there) { told.push_back(is_there); });
  EXPECT_EQ(told, std::vector{false});
}

TEST_F(ErrandsTest, AReadIsAskedOfTheNextLeader) {
  ways_.leads(kSecond);
  const auto reply = begin_read();
  ways_.nobody_leads();
  ways_.fail(Code::kUnknown, "connection reset");
  EXPECT_EQ(ways_.run_next(), 50ms);
  ways_.leads(kThird);
  EXPECT_EQ(ways_.run_next(), 50ms);
  EXPECT_EQ(ways_.sent_.back().to, kThird);
  EXPECT_EQ(ways_.sent_.back().body, "q");
  ways_.answer("rows");
  EXPECT_EQ(text_of(*reply), "rows");
}

TEST_F(ErrandsTest, AReadIsAnsweredHereWhenThisNodeLeads) {
  ways_.leads(kSecond);
  const auto reply = begin_read();
  ways_.leads(kSelf);
  ways_.fail(Code::kUnavailable);
  ways_.run_next();
  ASSERT_EQ(here_.size(), 1u);
  EXPECT_EQ(here_[0].origin, std::nullopt);
  here_[0].reply->send(net::Response::json("rows"));
  EXPECT_EQ(text_of(*reply), "rows");
}

TEST_F(ErrandsTest, NobodyWaitsForAReadAtALeaderThatIsNoneAnyMore) {
  ways_.leads(kSecond);
  const auto reply = begin_read();
  ways_.leads(kThird);
  errands_.leader_changed();
  EXPECT_TRUE(ways_.sent_[0].given_up);
}

TEST_F(ErrandsTest, AReadIsNotTriedAgainForLongerThanItsClientWaits) {
  ways_.leads(kSecond);
  const auto reply = begin_read(2s);
  EXPECT_EQ(ways_.sent_.back().limits.within, 2s);
  clock_.advance(500ms);
  ways_.fail(Code::kUnavailable, "connection refused");
  ways_.run_next();
  // What is left of the two seconds, and over one connection.
  EXPECT_EQ(ways_.sent_.back().limits.timeout, 1500ms);
  EXPECT_FALSE(ways_.sent_.back().limits.may_repeat);
  clock_.advance(1500ms);
  ways_.fail(Code::kUnknown, "i/o timeout");
  EXPECT_EQ(text_of(*reply), "i/o timeout\n");
  EXPECT_TRUE(ways_.waiting_.empty());
}

TEST_F(ErrandsTest, AReadIsNotTriedAgainForLongerThanPatienceLasts) {
  ways_.leads(kSecond);
  const auto reply = begin_read(30s);
  ways_.fail(Code::kUnavailable, "connection refused");
  clock_.advance(5s);
  ways_.run_next();
  EXPECT_EQ(ways_.sent_.back().limits.timeout, 50ms);
  ways_.fail(Code::kUnavailable, "connection refused");
  EXPECT_EQ(text_of(*reply), "connection refused\n");
}

TEST_F(ErrandsTest, OfAReadTheLastFailureIsTold) {
  ways_.leads(kSecond);
  const auto reply = begin_read();
  ways_.fail(Code::kUnknown, "connection reset");
  ways_.run_next();
  ways_.fail(Code::kDeadline, "context deadline exceeded");
  EXPECT_EQ(text_of(*reply), "context deadline exceeded\n");
}

TEST_F(ErrandsTest, ALeaderIsExpectedWhileOneIsKnownOrWasAMomentAgo) {
  EXPECT_FALSE(errands_.expects_leader());
  ways_.leads(kSecond);
  errands_.leader_changed();
  EXPECT_TRUE(errands_.expects_leader());
  ways_.nobody_leads();
  errands_.leader_changed();
  clock_.advance(4999ms);
  errands_.leader_changed();  // a candidate without success: still the same loss
  EXPECT_TRUE(errands_.expects_leader());
  clock_.advance(1ms);
  EXPECT_FALSE(errands_.expects_leader());
  ways_.leads(kThird);
  EXPECT_TRUE(errands_.expects_leader());
  ways_.nobody_leads();
  EXPECT_TRUE(errands_.expects_leader());  // before anybody said so
}

TEST_F(ErrandsTest, WhatIsPassedOnCountsOnceAndAgainAsRetries) {
  constexpr auto kWrites = static_cast<std::size_t>(PassedOn::kExecute);
  constexpr auto kReads = static_cast<std::size_t>(PassedOn::kQuery);
  const auto nobody = begin_read();
  EXPECT_EQ(counters_.passed_on[kReads], 0u);
  ways_.leads(kSecond);
  ways_.run_next();
  EXPECT_EQ(counters_.passed_on[kReads], 1u);
  ways_.fail(Code::kUnknown);
  ways_.run_next();
  ways_.answer("rows");
  EXPECT_EQ(counters_.passed_on[kReads], 1u);
  EXPECT_EQ(counters_.retries[kReads], 1u);
  EXPECT_EQ(counters_.failed[kReads], 0u);
  const auto write = begin("a");
  ways_.fail(Code::kDiskFull);
  EXPECT_EQ(counters_.passed_on[kWrites], 1u);
  EXPECT_EQ(counters_.retries[kWrites], 0u);
  EXPECT_EQ(counters_.failed[kWrites], 1u);
}

TEST_F(ErrandsTest, WhenTheEndHasComeTheClientHearsWhy) {
  ways_.leads(kSecond);
  const auto reply = begin("a");
  ways_.open_ = false;
  ways_.fail(Code::kUnavailable, "the client is closed");
  EXPECT_EQ(text_of(*reply), "the client is closed\n");
  EXPECT_EQ(numbers_.kept(), 0u);
}

}  // namespace
}  // namespace rqlite::cluster
