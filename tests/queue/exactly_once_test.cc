// Whatever a consensus does to batches: each request that was accepted is executed once, in the
// order of the numbers, and whoever waits for it is told once, and the truth.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "command/request.h"
#include "queue/fake_consensus.h"
#include "queue/queue_fixture.h"

namespace rqlite::queue {
namespace {

using namespace std::chrono_literals;

// Of the simulation; the tests with threads, which cost more, take a part of it.
std::uint64_t seeds() {
  const char* text = std::getenv("RQLITE_SEEDS");
  return text == nullptr ? 2000 : std::strtoull(text, nullptr, 10);
}

// What was asked of the queue, and what it said. Requests have ids from 0, which are the names of
// their statements. Thread-safe.
class Ledger {
 public:
  // The waiter is null if nobody waits for the request.
  struct Opened {
    std::size_t id;
    Bytes encoded;
    std::unique_ptr<Waiter> waiter;
  };
  Opened open(Random& random) EXCLUDES(mutex_);
  // For a request that has no number yet.
  std::unique_ptr<RoomWaiter> room_waiter(std::size_t id, std::unique_ptr<Waiter> waiter);

  void accepted(std::size_t id, std::uint64_t number) EXCLUDES(mutex_);
  void refused(std::size_t id) EXCLUDES(mutex_);
  void verdict(std::size_t id, std::uint64_t number, std::string error) EXCLUDES(mutex_);

  // Blocks until the request has a number, or was refused.
  void await_room(std::size_t id) EXCLUDES(mutex_);
  // Precondition: nothing is under way any more.
  void check(const std::vector<FakeConsensus::Executed>& executed) EXCLUDES(mutex_);

 private:
  struct Request {
    bool waits = false;
    bool checkpoint = false;
    std::vector<std::uint64_t> numbers;  // that it was given
    int refusals = 0;
    struct Verdict {
      std::uint64_t number;
      std::string error;
    };
    std::vector<Verdict> verdicts;
  };

  Mutex mutex_;
  CondVar changed_;
  std::deque<Request> requests_ GUARDED_BY(mutex_);
};

class LedgerWaiter final : public Waiter {
 public:
  LedgerWaiter(Ledger& ledger, std::size_t id) : ledger_(ledger), id_(id) {}
  void applied(std::uint64_t number, raft::Index, command::RequestResult result) override {
    ledger_.verdict(id_, number, result.error);
  }
  void failed(std::uint64_t number, const Status& why) override {
    ledger_.verdict(id_, number, "gave up: " + why.text());
  }

 private:
  Ledger& ledger_;
  const std::size_t id_;
};

class LedgerRoomWaiter final : public RoomWaiter {
 public:
  LedgerRoomWaiter(Ledger& ledger, std::size_t id, std::unique_ptr<Waiter> waiter)
      : ledger_(ledger), id_(id), waiter_(std::move(waiter)) {}
  std::unique_ptr<Waiter> accepted(std::uint64_t number) override {
    ledger_.accepted(id_, number);
    return std::move(waiter_);
  }
  void refused(const Status&) override { ledger_.refused(id_); }

 private:
  Ledger& ledger_;
  const std::size_t id_;
  std::unique_ptr<Waiter> waiter_;
};

Ledger::Opened Ledger::open(Random& random) {
  MutexLock lock(mutex_);
  Opened opened{requests_.size(), {}, nullptr};
  Request& request = requests_.emplace_back();
  request.waits = random.chance(0.5);
  request.checkpoint = random.chance(0.1);
  if (!request.checkpoint) opened.encoded = encode_request(std::to_string(opened.id));
  if (request.waits) opened.waiter = std::make_unique<LedgerWaiter>(*this, opened.id);
  return opened;
}

std::unique_ptr<RoomWaiter> Ledger::room_waiter(std::size_t id, std::unique_ptr<Waiter> waiter) {
  return std::make_unique<LedgerRoomWaiter>(*this, id, std::move(waiter));
}

void Ledger::accepted(std::size_t id, std::uint64_t number) {
  {
    MutexLock lock(mutex_);
    requests_[id].numbers.push_back(number);
  }
  changed_.notify_all();
}

void Ledger::refused(std::size_t id) {
  {
    MutexLock lock(mutex_);
    requests_[id].refusals++;
  }
  changed_.notify_all();
}

void Ledger::verdict(std::size_t id, std::uint64_t number, std::string error) {
  MutexLock lock(mutex_);
  requests_[id].verdicts.push_back({number, std::move(error)});
}

void Ledger::await_room(std::size_t id) {
  MutexLock lock(mutex_);
  while (requests_[id].numbers.empty() && requests_[id].refusals == 0) changed_.wait(mutex_);
}

void Ledger::check(const std::vector<FakeConsensus::Executed>& executed) {
  MutexLock lock(mutex_);
  std::map<std::uint64_t, const FakeConsensus::Executed*> by_number;
  for (const FakeConsensus::Executed& each : executed) {
    ASSERT_TRUE(by_number.emplace(each.number, &each).second) << each.number << " came twice";
  }
  for (std::size_t id = 0; id < requests_.size(); id++) {
    const Request& request = requests_[id];
    SCOPED_TRACE("request " + std::to_string(id));
    ASSERT_EQ(request.numbers.size() + static_cast<std::size_t>(request.refusals), 1u);
    if (request.numbers.empty()) {
      ASSERT_TRUE(request.verdicts.empty());
      continue;
    }
    const auto found = by_number.find(request.numbers[0]);
    ASSERT_NE(found, by_number.end()) << "was not executed";
    const FakeConsensus::Executed& done = *found->second;
    by_number.erase(found);
    if (done.name.front() != '(') {  // a batch that could not be stored fails, in its place
      ASSERT_EQ(done.name, request.checkpoint ? "-" : std::to_string(id));
    }
    ASSERT_EQ(request.verdicts.size(), request.waits ? 1u : 0u);
    if (!request.waits) continue;
    ASSERT_EQ(request.verdicts[0].number, done.number);
    ASSERT_EQ(request.verdicts[0].error, done.error);
  }
  ASSERT_TRUE(by_number.empty()) << "what nobody asked for was executed";
}

// What must hold of a queue's figures at any time, and from one time to the next.
class ProgressCheck {
 public:
  explicit ProgressCheck(FakeConsensus& consensus) : consensus_(consensus) {}

  // Numbers to which all was committed and applied, as the queue says.
  void check(std::uint64_t committed, std::uint64_t applied) {
    ASSERT_GE(committed, committed_);
    ASSERT_GE(applied, applied_);
    ASSERT_LE(applied, committed);
    // These two only grow, so it does no harm that they are read later.
    ASSERT_LE(committed, std::max(before_first_, consensus_.durable_to()));
    ASSERT_LE(applied, std::max(before_first_, consensus_.executed_to()));
    committed_ = committed;
    applied_ = applied;
  }
  // Until something is executed, the queue may say so.
  void begin_after(std::uint64_t number) { before_first_ = number; }

 private:
  FakeConsensus& consensus_;
  std::uint64_t before_first_ = 0;
  std::uint64_t committed_ = 0;
  std::uint64_t applied_ = 0;
};

Batcher::Limits random_waiting(Random& random) {
  return {.capacity = 1 + random.below(12),
          .bytes_max = 40 + random.below(100),
          .batch_size = 1 + random.below(8),
          .batch_bytes_max = 10 + random.below(60),
          .timeout = std::chrono::milliseconds(1 + random.below(50))};
}

Pipeline::Limits random_under_way(Random& random) {
  return {.batches = 1 + random.below(4), .bytes = 10 + random.below(100)};
}

// The queue's pure parts, driven as WriteQueue does it, in one thread.
class Simulation : private store::StreamListener {
 public:
  explicit Simulation(std::uint64_t seed)
      : random_(seed),
        consensus_(seed * 31, {}),
        waiting_(random_waiting(random_)),
        under_way_(random_under_way(random_)) {
    consensus_.listen(this);
    progress_.begin_after(kFirst - 1);
  }

  void run() {
    go_on(200);
    finish();
  }

  // Ends in the middle of it: what is called not stored then never comes.
  void stop() {
    go_on(random_.below(200));
    const std::uint64_t possible = std::max(pipeline_.possible_to(), kFirst - 1);
    ASSERT_GE(possible, pipeline_.committed_to());
    consensus_.heal();
    consensus_.settle();
    ASSERT_LE(consensus_.executed_to(), possible);
  }

 private:
  static constexpr std::uint64_t kFirst = 1'000;

  void go_on(std::uint64_t steps) {
    for (std::uint64_t i = 0; i < steps && !::testing::Test::HasFatalFailure(); i++) {
      switch (random_.below(8)) {
        case 0:
        case 1:
          arrive();
          break;
        case 2:
          now_ += std::chrono::milliseconds(random_.below(40));
          sends_.clear();
          break;
        default:
          consensus_.step();
      }
      send_due();
      check();
    }
  }

  class Answer final : public store::Write {
   public:
    Answer(Simulation& simulation, std::uint64_t first, std::uint64_t attempt)
        : simulation_(simulation), first_(first), attempt_(attempt) {}
    void committed() override { simulation_.pipeline_.committed(first_, attempt_); }
    void applied(raft::Index index, std::vector<command::RequestResult> results) override {
      simulation_.on_applied(first_, index, std::move(results));
    }
    void failed(const Status& why) override {
      (void)simulation_.pipeline_.failed(first_, why, simulation_.now_);
    }

   private:
    Simulation& simulation_;
    const std::uint64_t first_;
    const std::uint64_t attempt_;
  };

  void arrive() {
    Ledger::Opened opened = ledger_.open(random_);
    if (opened.encoded.empty()) command::append_empty_request(opened.encoded);
    if (!batcher_.has_room(opened.encoded.size()).ok()) return ledger_.refused(opened.id);
    const std::uint64_t number = next_++;
    ledger_.accepted(opened.id, number);
    batcher_.push({number, std::move(opened.encoded), std::move(opened.waiter)}, now_);
  }

  void send_due() {
    for (;;) {
      std::optional<Pipeline::Send> send = pipeline_.next_to_send(now_);
      if (!send) {
        const std::optional<TimePoint> due = batcher_.due();
        if (!due || *due > now_ || !pipeline_.has_room()) break;
        Batch batch = batcher_.take();
        pipeline_.add(std::move(batch.requests), batch.arrived.front(), now_);
        ASSERT_LE(pipeline_.batches(), under_way_.batches);
        send = pipeline_.next_to_send(now_);
        ASSERT_TRUE(send.has_value());
      }
      // However fast it is refused, it is not sent as fast.
      ASSERT_LE(++sends_[send->first], 10) << "at one time";
      auto answer = std::make_unique<Answer>(*this, send->first, send->attempt);
      if (send->stored_at) {
        consensus_.confirm(*send->stored_at, std::move(answer));
      } else {
        consensus_.write(std::move(send->batch), kFirst, send->first, std::move(answer));
      }
    }
    // What may leave has left: so nothing waits longer than it should.
    if (pipeline_.has_room() && batcher_.requests() > 0) {
      ASSERT_LT(now_, batcher_.oldest() + waiting_.timeout);
    }
  }

  void on_applied(std::uint64_t first, raft::Index index,
                  std::vector<command::RequestResult> results) {
    std::optional<Pipeline::Landed> landed =
        pipeline_.applied(first, {index, std::move(results)}, now_);
    if (!landed) return;
    auto& [requests, outcome, took] = *landed;
    ASSERT_EQ(outcome.results.size(), requests.size());
    for (std::size_t i = 0; i < requests.size(); i++) {
      Request& request = requests[i];
      if (!request.waiter) continue;
      request.waiter->applied(request.number, outcome.index, std::move(outcome.results[i]));
    }
  }
  void on_stream_applied(std::uint64_t epoch, std::uint64_t first, raft::Index index,
                         std::vector<command::RequestResult> results) override {
    ASSERT_EQ(epoch, kFirst);
    pipeline_.applied_here(first, {index, std::move(results)});
  }

  void check() {
    progress_.check(pipeline_.committed_to(), pipeline_.applied_to());
    ASSERT_LE(batcher_.requests(), waiting_.capacity);
    ASSERT_LE(batcher_.bytes(), waiting_.bytes_max);
  }

  void finish() {
    consensus_.heal();
    for (int i = 0; i < 200 && batcher_.requests() + pipeline_.batches() > 0; i++) {
      now_ += 1s;
      sends_.clear();
      send_due();
      consensus_.settle();
      check();
    }
    ASSERT_EQ(batcher_.requests() + pipeline_.batches(), 0u) << "the queue does not get on";
    consensus_.settle();
    ASSERT_EQ(pipeline_.bytes() + pipeline_.requests(), 0u);
    if (next_ > kFirst) {
      ASSERT_EQ(pipeline_.applied_to(), next_ - 1);
      ASSERT_EQ(pipeline_.committed_to(), next_ - 1);
    }
    ledger_.check(consensus_.executed());
  }

  Random random_;
  Ledger ledger_;
  FakeConsensus consensus_;
  ProgressCheck progress_{consensus_};
  const Batcher::Limits waiting_;
  const Pipeline::Limits under_way_;
  Batcher batcher_{waiting_};
  Pipeline pipeline_{under_way_};
  TimePoint now_{1h};
  std::uint64_t next_ = kFirst;
  std::map<std::uint64_t, int> sends_;  // of each batch, since the time last went on
};

TEST(ExactlyOnce, Simulated) {
  for (std::uint64_t seed = 1; seed <= seeds(); seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Simulation(seed).run();
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(ExactlyOnce, OrNeverIfAStopSaysSo) {
  for (std::uint64_t seed = 1; seed <= seeds(); seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Simulation(seed).stop();
    if (::testing::Test::HasFailure()) return;
  }
}

// The queue itself, before a consensus that a thread of its own moves on, or the test.
class ExactlyOnceTest : public ::testing::Test {
 protected:
  void start(std::uint64_t seed) {
    queue_.reset();
    random_ = Random(seed);
    ledger_ = std::make_unique<Ledger>();
    consensus_ = std::make_unique<FakeConsensus>(seed * 31, FakeConsensus::Faults{});
    progress_.emplace(*consensus_);
    limits_ = {random_waiting(random_), random_under_way(random_)};
    (void)files_.make_directories("/data");
    auto numbers = SequenceNumbers::open(files_, "/data/numbers", clock_, /*block=*/20);
    ASSERT_TRUE(numbers.ok());
    queue_ = std::make_unique<WriteQueue>(limits_, std::move(*numbers), *consensus_, clock_);
  }

  // Returns the request's id if it waits for room until `deadline`.
  std::optional<std::size_t> arrive(Random& random, TimePoint deadline) {
    Ledger::Opened opened = ledger_->open(random);
    const Result<std::uint64_t> number = queue_->push(opened.encoded, opened.waiter);
    if (number.ok()) {
      ledger_->accepted(opened.id, *number);
      return std::nullopt;
    }
    EXPECT_EQ(number.error().code(), Code::kFull);
    queue_->push_when_room(std::move(opened.encoded),
                           ledger_->room_waiter(opened.id, std::move(opened.waiter)), deadline);
    return opened.id;
  }

  WriteQueue::Report check_report() {
    WriteQueue::Report report = queue_->report();
    progress_->check(report.persisted, report.applied);
    EXPECT_LE(report.depth, limits_.waiting.capacity);
    EXPECT_LE(report.bytes, limits_.waiting.bytes_max);
    return report;
  }

  // Precondition: nobody waits for room.
  void check_end() {
    EXPECT_TRUE(queue_->drain(24h * 365).nothing());
    const WriteQueue::Report report = check_report();
    EXPECT_EQ(report.applied, report.accepted);
    EXPECT_EQ(report.persisted, report.accepted);
    EXPECT_EQ(report.in_flight, 0u);
  }

  SimFileSystem files_;
  FakeClock clock_;
  Random random_{0};
  WriteQueue::Limits limits_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<FakeConsensus> consensus_;
  std::optional<ProgressCheck> progress_;
  std::unique_ptr<WriteQueue> queue_;
};

TEST_F(ExactlyOnceTest, ManyThreadsPush) {
  for (std::uint64_t seed = 1; seed <= seeds() / 50 + 1; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    start(seed);
    std::atomic<bool> done{false};
    std::thread moving([&, random = Random(seed * 37)]() mutable {
      while (!done) {
        consensus_->step();
        if (random.chance(0.1)) clock_.advance(std::chrono::milliseconds(random.below(60)));
      }
    });
    std::vector<std::thread> pushing;
    for (std::uint64_t i = 0; i < 3; i++) {
      pushing.emplace_back([&, random = Random(seed * 41 + i)]() mutable {
        for (int j = 0; j < 50; j++) {
          (void)arrive(random, clock_.now() + std::chrono::milliseconds(random.below(2000)));
        }
      });
    }
    for (std::thread& each : pushing) each.join();
    while (check_report().waiting_for_room > 0) std::this_thread::yield();
    consensus_->heal();
    check_end();
    done = true;
    moving.join();
    consensus_->settle();
    queue_.reset();
    ledger_->check(consensus_->executed());
    if (HasFailure()) return;
  }
}

TEST_F(ExactlyOnceTest, AndNothingWaitsLongerThanItsDeadline) {
  for (std::uint64_t seed = 1; seed <= seeds() / 20 + 1; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    start(seed);
    std::multimap<TimePoint, std::size_t> for_room;
    auto advance = [&](std::chrono::nanoseconds by) {
      clock_.advance(by);
      // These two end, or the test hangs.
      while (!for_room.empty() && for_room.begin()->first <= clock_.now()) {
        ledger_->await_room(for_room.begin()->second);
        for_room.erase(for_room.begin());
      }
      for (;;) {
        const WriteQueue::Report report = check_report();
        if (report.in_flight > 0 || report.depth == 0) break;
        if (report.oldest_age < limits_.waiting.timeout) break;
        std::this_thread::yield();
      }
    };
    for (int step = 0; step < 200; step++) {
      switch (random_.below(8)) {
        case 0:
        case 1: {
          const TimePoint deadline = clock_.now() + std::chrono::milliseconds(random_.below(200));
          if (auto id = arrive(random_, deadline)) for_room.emplace(deadline, *id);
          break;
        }
        case 2:
          advance(std::chrono::milliseconds(random_.below(40)));
          break;
        default:
          consensus_->step();
      }
      check_report();
      if (HasFailure()) return;
    }
    consensus_->heal();
    while (check_report().accepted != check_report().applied || !for_room.empty()) {
      consensus_->settle();
      advance(1s);
    }
    check_end();
    consensus_->settle();
    queue_.reset();
    ledger_->check(consensus_->executed());
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace rqlite::queue
