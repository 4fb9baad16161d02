#include "base/thread.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <optional>

#include "fakes/no_threads.h"

namespace rqlite {
namespace {

TEST(ThreadTest, OneThatStartsRunsAndIsJoined) {
  bool ran = false;
  {
    const std::optional<Thread> started = Thread::try_start("test", [&ran] { ran = true; });
    EXPECT_TRUE(started);
  }
  EXPECT_TRUE(ran);
}

TEST(ThreadTest, WithoutRoomForAnotherThereIsNone) {
  const NoThreads full;
  EXPECT_FALSE(Thread::try_start("test", [] { ADD_FAILURE(); }));
  // Signals are let through as before.
  sigset_t blocked;
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, nullptr, &blocked), 0);
  EXPECT_EQ(sigismember(&blocked, SIGTERM), 0);
}

}  // namespace
}  // namespace rqlite
