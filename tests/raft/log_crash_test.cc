#include <gtest/gtest.h>

#include <cerrno>

#include "raft/log_fixture.h"
#include "raft/seeds.h"

namespace rqlite::raft {
namespace {

// Something a member may do to its log, chosen by `random`.
Status do_something(LogFixture& log, Random& random) {
  const LogContent& content = log.model.acknowledged();
  const std::uint64_t last = content.last().value();
  const std::uint64_t covered = log.snapshot.index.value();
  const std::uint64_t term = content.hard_state.term.value();
  switch (random.below(20)) {
    case 0:
      return log.open();
    case 1:
      return log.vote(term + 1, 1 + random.below(3));
    case 2:
    case 3:  // another leader's entries replace what was not committed
      if (last > covered) {
        const std::uint64_t first = covered + 1 + random.below(last - covered);
        const HardState state{Term(term + 1), RaftId(2), Index(first + random.below(4))};
        std::vector<LogEntry> entries;
        for (std::uint64_t i = first; i <= first + random.below(4); i++) {
          entries.push_back(LogFixture::entry(i, term + 1, 8 + random.below(500)));
        }
        return log.append(state, entries);
      }
      return {};
    case 4:
      if (last > covered) log.take_snapshot(covered + 1 + random.below(last - covered));
      return {};
    case 5:
      if (random.chance(0.2)) return log.install_snapshot(last + random.below(5), term + 1);
      return log.append(last + 1, 1, term, random.below(30'000));
    default:
      return log.append(last + 1, 1 + random.below(4), term, random.below(700));
  }
}

// Works with the log until it breaks or `steps` are done. A full disk breaks nothing.
void work(LogFixture& log, Random& random, int steps) {
  for (int i = 0; i < steps && !log.broken; i++) {
    const Status status = do_something(log, random);
    if (status.ok() || log.broken) continue;
    if (log.log == nullptr) return;  // it died while it opened
    ASSERT_EQ(status.code(), Code::kDiskFull) << status.text();
  }
}

SimFileSystem::Crash any_crash(Random& random) {
  return random.chance(0.3) ? SimFileSystem::Crash::kProcess : SimFileSystem::Crash::kPower;
}

// What a log must hold whatever fails under it.
class LogCrashTest : public ::testing::Test {
 protected:
  // That the log opens after the crash with all that it must hold, and goes on.
  static void expect_recovery(LogFixture& log, Random& random) {
    const Status status = log.open_after(any_crash(random), random);
    ASSERT_TRUE(status.ok()) << status.text();
    ASSERT_EQ(log.complaint, "");
    ASSERT_TRUE(log.append(log.found.last().value() + 1, 1, 99, 100).ok());
    ASSERT_TRUE(log.open().ok());
    ASSERT_EQ(log.model.complaint(log.snapshot, log.found), "");
    log.model.adopt(log.found);
  }
};

TEST_F(LogCrashTest, AnyOneOperationMayFail) {
  constexpr int kSteps = 60;
  LogFixture whole;
  Random same(7);
  ASSERT_TRUE(whole.open().ok());
  work(whole, same, kSteps);
  const std::uint64_t operations = whole.files.operations();
  ASSERT_GT(operations, 100u);
  for (const int error : {EIO, ENOSPC}) {
    for (std::uint64_t n = 0; n < operations; n++) {
      SCOPED_TRACE("operation " + std::to_string(n) + " fails with " + std::to_string(error));
      LogFixture log;
      Random random(7);
      log.files.fail_after(n, error);
      if (log.open().ok()) work(log, random, kSteps);
      ASSERT_NO_FATAL_FAILURE(expect_recovery(log, random));
    }
  }
}

TEST_F(LogCrashTest, AnyOneSyncMayFail) {
  for (std::uint64_t n = 0; n < 100; n++) {
    SCOPED_TRACE("sync " + std::to_string(n) + " fails");
    LogFixture log;
    Random random(11);
    log.files.fail_sync_after(n);
    if (log.open().ok()) work(log, random, 80);
    ASSERT_NO_FATAL_FAILURE(expect_recovery(log, random));
  }
}

TEST_F(LogCrashTest, TheMachineMayStopAtAnyOperation) {
  for (std::uint64_t n = 0; n < 250; n++) {
    for (std::uint64_t seed = 1; seed <= 3; seed++) {
      SCOPED_TRACE("operation " + std::to_string(n) + ", seed " + std::to_string(seed));
      LogFixture log;
      Random random(seed);
      log.files.freeze_after(n);
      if (log.open().ok()) work(log, random, 80);
      ASSERT_NO_FATAL_FAILURE(expect_recovery(log, random));
    }
  }
}

// What earlier runs left behind a cut never comes back.
TEST_F(LogCrashTest, ItMayStopAgainAndAgain) {
  for (const std::uint64_t seed : seeds(200)) {
    const CurrentSeed current(seed);
    SCOPED_TRACE("seed " + std::to_string(seed));
    LogFixture log;
    log.options.recycled_max = seed % 3;
    Random random(seed);
    ASSERT_TRUE(log.open().ok());
    for (int life = 0; life < 12; life++) {
      log.files.freeze_after(random.below(random.chance(0.5) ? 6 : 60));
      if (log.log != nullptr) work(log, random, 40);
      const Status status = log.open_after(any_crash(random), random);
      ASSERT_TRUE(status.ok()) << status.text();
      ASSERT_EQ(log.complaint, "");
    }
  }
}

TEST_F(LogCrashTest, ItMayStopOnAFullDisk) {
  for (const std::uint64_t seed : seeds(60)) {
    const CurrentSeed current(seed);
    SCOPED_TRACE("seed " + std::to_string(seed));
    LogFixture log;
    Random random(seed);
    ASSERT_TRUE(log.open().ok());
    for (int life = 0; life < 6; life++) {
      work(log, random, 20);
      log.files.set_capacity(log.files.used_bytes() + random.below(20'000));
      work(log, random, 20);
      const Status status = log.open_after(any_crash(random), random);
      ASSERT_TRUE(status.ok()) << status.text();
      ASSERT_EQ(log.complaint, "");
      log.files.set_capacity(std::nullopt);
    }
  }
}

}  // namespace
}  // namespace rqlite::raft
