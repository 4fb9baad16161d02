#include "raft/driver_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "raft/driver_fixture.h"

namespace rqlite::raft {
namespace {

using namespace std::chrono_literals;
using Codes = std::vector<Code>;

// A cluster of one with its thread; the state machine applies as it is handed entries.
class DriverThreadTest : public ::testing::Test, protected DriverFixture {
 protected:
  // Tells the thread what was applied, as an apply thread would.
  class Machine final : public StateMachine {
   public:
    void apply(std::vector<Committed> entries) override {
      const Index last = entries.back().index;
      machine.apply(std::move(entries));
      thread->applied(last);
    }
    Status restore(const Snapshot&) override { return {}; }
    void snapshot_wanted() override {}
    [[nodiscard]] Status stalled() override { return {}; }
    void status_changed(const Core::Status& status) override {
      if (status.role == Role::kLeader) leads.set_value();
    }

    FakeMachine machine;
    DriverThread* thread = nullptr;
    std::promise<void> leads;
  };

  void SetUp() override {
    ASSERT_TRUE(start().ok());
    driver = std::make_unique<Driver>(driver_options, *core, *log, transport, machine_,
                                      snapshot.conf_state);
    thread_ = std::make_unique<DriverThread>(*driver, options_, [this](const Status&) {
      if (failures_++ == 0) failed_.set_value();
    });
    machine_.thread = thread_.get();
    thread_->call([](Driver& each) { each.campaign(); });
    machine_.leads.get_future().wait();
  }

  // Several threads propose, `count` times each, and then `then` runs before they are done.
  template <typename Then>
  std::vector<std::shared_ptr<Outcome>> propose_from_everywhere(int count, const Then& then) {
    std::vector<std::vector<std::shared_ptr<Outcome>>> outcomes(3);
    std::vector<std::thread> threads;
    for (auto& each : outcomes) {
      threads.emplace_back([this, &each, count] {
        for (int i = 0; i < count; i++) {
          each.push_back(std::make_shared<Outcome>());
          thread_->propose(make_proposal("x", each.back()));
        }
      });
    }
    then();
    for (std::thread& each : threads) each.join();
    std::vector<std::shared_ptr<Outcome>> all;
    for (auto& each : outcomes) all.insert(all.end(), each.begin(), each.end());
    return all;
  }

  // Holds the thread up, as a disk may, until the returned promise is kept.
  std::promise<void> hold_up() {
    std::promise<void> go_on;
    std::promise<void> held;
    thread_->call([&held, wait = go_on.get_future().share()](Driver&) {
      held.set_value();
      wait.wait();
    });
    held.get_future().wait();
    return go_on;
  }

  DriverThread::Options options_{10ms, 0ns};
  Machine machine_;
  std::atomic<int> failures_ = 0;
  std::promise<void> failed_;
  std::unique_ptr<DriverThread> thread_;
};

TEST_F(DriverThreadTest, AnswersEveryProposalOnceWhenItIsStopped) {
  const auto all = propose_from_everywhere(300, [this] { thread_->stop(); });
  for (const auto& each : all) ASSERT_EQ(each->codes.size(), 1u);
  EXPECT_EQ(failures_, 0);
}

TEST_F(DriverThreadTest, FailsWhatComesAfterItsStop) {
  thread_->stop();
  const auto late = std::make_shared<Outcome>();
  thread_->propose(make_proposal("x", late));
  EXPECT_EQ(late->codes, Codes{Code::kUnavailable});
}

TEST_F(DriverThreadTest, ProposalsThatComeDuringASyncShareTheNext) {
  const std::uint64_t before = log->syncs();
  const auto all = propose_from_everywhere(300, [] {});
  std::promise<void> done;
  thread_->call([&](Driver&) { done.set_value(); });
  done.get_future().wait();
  thread_->stop();
  for (const auto& each : all) ASSERT_EQ(each->codes, Codes{Code::kOk});
  EXPECT_LE(log->syncs() - before, all.size());
}

class ImpatientThreadTest : public DriverThreadTest {
 protected:
  ImpatientThreadTest() { options_.patience = 1h; }
};

TEST_F(ImpatientThreadTest, FailsWhatItCannotTakeInInTime) {
  std::promise<void> go_on = hold_up();
  const auto early = std::make_shared<Outcome>();
  thread_->propose(make_proposal("x", early));
  thread_->expire(std::chrono::steady_clock::now());
  EXPECT_TRUE(early->codes.empty());
  thread_->expire(std::chrono::steady_clock::now() + 2h);
  EXPECT_EQ(early->codes, Codes{Code::kUnavailable});
  go_on.set_value();
  thread_->stop();
  EXPECT_EQ(early->codes.size(), 1u);
  EXPECT_EQ(machine_.machine.data(), "");  // and it never comes to the log
}

TEST_F(ImpatientThreadTest, WhatItTakesInInTimeHasNoLimit) {
  const auto outcome = std::make_shared<Outcome>();
  thread_->propose(make_proposal("x", outcome));
  std::promise<void> done;
  thread_->call([&](Driver&) { done.set_value(); });
  done.get_future().wait();
  thread_->expire(std::chrono::steady_clock::now() + 2h);
  thread_->stop();
  EXPECT_EQ(outcome->codes, Codes{Code::kOk});
}

class HastyThreadTest : public DriverThreadTest {
 protected:
  HastyThreadTest() { options_.patience = 1ns; }
};

TEST_F(HastyThreadTest, DoesNotTakeInWhatIsTooLate) {
  std::promise<void> go_on = hold_up();
  const auto late = std::make_shared<Outcome>();
  thread_->propose(make_proposal("x", late));
  go_on.set_value();
  thread_->stop();
  EXPECT_EQ(late->codes, Codes{Code::kUnavailable});
  EXPECT_EQ(machine_.machine.data(), "");
}

TEST_F(DriverThreadTest, IsPatientWithoutALimit) {
  std::promise<void> go_on = hold_up();
  const auto outcome = std::make_shared<Outcome>();
  thread_->propose(make_proposal("x", outcome));
  thread_->expire(TimePoint::max() - 1ns);
  EXPECT_TRUE(outcome->codes.empty());
  std::promise<void> done;
  go_on.set_value();
  thread_->call([&](Driver&) { done.set_value(); });
  done.get_future().wait();
  thread_->stop();
  EXPECT_EQ(outcome->codes, Codes{Code::kOk});
}

TEST_F(DriverThreadTest, ReportsAFailedDiskOnce) {
  files.fail_sync_after(0);
  const auto all = propose_from_everywhere(50, [] {});
  failed_.get_future().wait();
  thread_->stop();
  EXPECT_EQ(failures_, 1);
  for (const auto& each : all) ASSERT_EQ(each->codes.size(), 1u);
}

}  // namespace
}  // namespace rqlite::raft
