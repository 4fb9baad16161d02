#include "base/pause.h"

#include <gtest/gtest.h>

#include "base/thread.h"
#include "fakes/fake_clock.h"

namespace rqlite {
namespace {

using namespace std::chrono_literals;

class PauseTest : public testing::Test {
 protected:
  FakeClock clock_;
  Pause pause_{clock_};
};

TEST_F(PauseTest, SleepsUntilItsTimeHasCome) {
  const TimePoint deadline = clock_.now() + 5s;
  bool slept = false;
  Thread sleeper("sleeper", [&] { slept = pause_.sleep(5s); });
  clock_.await_sleeper(deadline);
  clock_.advance(5s);
  sleeper.join();
  EXPECT_TRUE(slept);
}

TEST_F(PauseTest, WakingEndsOneSleep) {
  pause_.wake();
  EXPECT_TRUE(pause_.sleep(5s));
  EXPECT_TRUE(pause_.sleep(0s));
}

TEST_F(PauseTest, AStopEndsASleepAndAllThatCome) {
  const TimePoint deadline = clock_.now() + 5s;
  bool slept = true;
  Thread sleeper("sleeper", [&] { slept = pause_.sleep(5s); });
  clock_.await_sleeper(deadline);
  EXPECT_FALSE(pause_.is_stopped());
  pause_.stop();
  sleeper.join();
  EXPECT_FALSE(slept);
  EXPECT_FALSE(pause_.sleep(5s));
  EXPECT_TRUE(pause_.is_stopped());
}

TEST_F(PauseTest, WaitsForAChange) {
  bool is_there = false;
  bool waited = false;
  Thread waiter("waiter", [&] { waited = pause_.wait([&] { return is_there; }); });
  pause_.change([&] { is_there = true; });
  waiter.join();
  EXPECT_TRUE(waited);
}

TEST_F(PauseTest, WaitsForAChangeNoLongerThanIsSaid) {
  const TimePoint deadline = clock_.now() + 5s;
  bool waited = true;
  Thread waiter("waiter", [&] { waited = pause_.wait([] { return false; }, deadline); });
  clock_.await_sleeper(deadline);
  pause_.change([] {});  // which does not end it
  clock_.await_sleeper(deadline);
  clock_.advance(5s);
  waiter.join();
  EXPECT_FALSE(waited);
  EXPECT_TRUE(pause_.wait([] { return true; }, deadline));
}

TEST_F(PauseTest, AWaitForAChangeIsNotEndedByAWakeUp) {
  const TimePoint deadline = clock_.now() + 5s;
  pause_.wake();
  bool is_there = false;
  bool waited = false;
  Thread waiter("waiter", [&] { waited = pause_.wait([&] { return is_there; }, deadline); });
  clock_.await_sleeper(deadline);
  pause_.change([&] { is_there = true; });
  waiter.join();
  EXPECT_TRUE(waited);
}

TEST_F(PauseTest, AStopEndsAWaitForWhatIsNotThere) {
  bool waited = true;
  Thread waiter("waiter", [&] { waited = pause_.wait([] { return false; }); });
  pause_.stop();
  waiter.join();
  EXPECT_FALSE(waited);
  EXPECT_TRUE(pause_.wait([] { return true; }));
}

}  // namespace
}  // namespace rqlite
