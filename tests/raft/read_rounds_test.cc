#include "raft/read_rounds.h"

#include <gtest/gtest.h>

#include "raft/driver_fixture.h"

namespace rqlite::raft {
namespace {

using Codes = std::vector<Code>;

// The core here is a follower without a leader, which drops what it is asked: the tests answer.
class ReadRoundsTest : public ::testing::Test, protected DriverFixture {
 protected:
  class Waiting final : public Read {
   public:
    Waiting(std::shared_ptr<Outcome> outcome, bool& is_late)
        : outcome_(std::move(outcome)), is_late_(is_late) {}
    void failed(const Status& why) override { outcome_->codes.push_back(why.code()); }
    void ready(Index index) override {
      outcome_->codes.push_back(Code::kOk);
      outcome_->index = index;
    }
    [[nodiscard]] bool is_late() const override { return is_late_; }

   private:
    const std::shared_ptr<Outcome> outcome_;
    bool& is_late_;
  };

  void SetUp() override { ASSERT_TRUE(start().ok()); }

  std::shared_ptr<Outcome> add() {
    auto outcome = std::make_shared<Outcome>();
    rounds_.add(std::make_unique<Waiting>(outcome, in_time_));
    return outcome;
  }
  std::shared_ptr<Outcome> add_late() {
    auto outcome = std::make_shared<Outcome>();
    rounds_.add(std::make_unique<Waiting>(outcome, late_));
    return outcome;
  }
  void confirm(std::uint64_t round, std::uint64_t index) {
    Bytes context;
    append_number(context, round);
    rounds_.confirmed(context, Index(index));
  }

  ReadRounds rounds_;
  bool in_time_ = false;
  bool late_ = true;
};

TEST_F(ReadRoundsTest, ReadsThatWaitShareARound) {
  const auto a = add();
  const auto b = add();
  rounds_.ask(*core);
  EXPECT_TRUE(a->codes.empty());
  confirm(1, 7);
  EXPECT_EQ(a->codes, Codes{Code::kOk});
  EXPECT_EQ(b->codes, Codes{Code::kOk});
  EXPECT_EQ(b->index, Index(7));
  EXPECT_TRUE(rounds_.empty());
}

TEST_F(ReadRoundsTest, AConfirmationCoversTheRoundsBeforeButNoneAfter) {
  const auto first = add();
  rounds_.ask(*core);
  const auto second = add();
  rounds_.ask(*core);
  const auto third = add();
  rounds_.ask(*core);
  const auto fourth = add();  // not asked yet
  confirm(2, 9);
  EXPECT_EQ(first->codes, Codes{Code::kOk});
  EXPECT_EQ(second->codes, Codes{Code::kOk});
  EXPECT_TRUE(third->codes.empty());
  confirm(3, 9);
  EXPECT_EQ(third->codes, Codes{Code::kOk});
  EXPECT_TRUE(fourth->codes.empty());
}

TEST_F(ReadRoundsTest, WhatIsAskedAgainIsAnsweredOnce) {
  const auto early = add();
  rounds_.ask(*core);
  const auto late = add();
  rounds_.ask_again(*core);
  confirm(1, 5);  // lost and found: too old for what came since
  EXPECT_TRUE(late->codes.empty());
  confirm(2, 6);
  confirm(2, 6);
  EXPECT_EQ(early->codes, Codes{Code::kOk});
  EXPECT_EQ(late->codes, Codes{Code::kOk});
  EXPECT_EQ(late->index, Index(6));
}

TEST_F(ReadRoundsTest, ForeignAnswersAreIgnored) {
  const auto waiting = add();
  rounds_.ask(*core);
  rounds_.confirmed("somebody else's", Index(5));
  rounds_.confirmed("", Index(5));
  EXPECT_TRUE(waiting->codes.empty());
}

TEST_F(ReadRoundsTest, AllFailTogetherAndNumbersGoOn) {
  const auto asked = add();
  rounds_.ask(*core);
  const auto fresh = add();
  rounds_.fail_all({Code::kNotLeader, "not leader"});
  EXPECT_EQ(asked->codes, Codes{Code::kNotLeader});
  EXPECT_EQ(fresh->codes, Codes{Code::kNotLeader});
  const auto next = add();
  rounds_.ask(*core);
  confirm(1, 5);  // of the time before
  EXPECT_TRUE(next->codes.empty());
  confirm(2, 6);
  EXPECT_EQ(next->codes, Codes{Code::kOk});
}

TEST_F(ReadRoundsTest, WhoHasWaitedForTooLongIsToldAndNobodyElse) {
  const auto asked = add();
  const auto late_asked = add_late();
  rounds_.ask(*core);
  const auto fresh = add();
  const auto late_fresh = add_late();
  rounds_.fail_late({Code::kDeadline, "too late"});
  EXPECT_EQ(late_asked->codes, Codes{Code::kDeadline});
  EXPECT_EQ(late_fresh->codes, Codes{Code::kDeadline});
  EXPECT_TRUE(asked->codes.empty());
  rounds_.ask(*core);
  confirm(2, 7);
  EXPECT_EQ(asked->codes, Codes{Code::kOk});
  EXPECT_EQ(fresh->codes, Codes{Code::kOk});
  EXPECT_EQ(late_asked->codes, Codes{Code::kDeadline});
}

// Through a leader of three: one heartbeat round answers all reads, and only once the others have
// confirmed.
TEST_F(ReadRoundsTest, ALeaderAnswersWhenAMajorityConfirms) {
  voters = {1, 2, 3};
  snapshot = {};
  log_options.directory = "/log-of-three";
  ASSERT_TRUE(restart().ok());
  lead();
  acknowledge(2);
  ASSERT_TRUE(round().ok());
  transport.sent.clear();
  const auto a = read();
  const auto b = read();
  ASSERT_TRUE(round().ok());
  const auto asked = transport.of(PeerMessage::Type::kHeartbeat);
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_TRUE(a->codes.empty());
  PeerMessage answer =
      from(2, PeerMessage::Type::kHeartbeatResponse, asked[0].message.term.value());
  answer.context = asked[0].message.context;
  deliver(answer);
  ASSERT_TRUE(round().ok());
  EXPECT_EQ(a->codes, Codes{Code::kOk});
  EXPECT_EQ(b->codes, Codes{Code::kOk});
  EXPECT_EQ(a->index, Index(2));
}

}  // namespace
}  // namespace rqlite::raft
