#include "base/worker.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <future>
#include <thread>
#include <vector>

namespace rqlite {
namespace {

TEST(WorkerTest, RunsWhatWasPostedInOrderOnItsOwnThread) {
  std::vector<int> order;
  std::thread::id where;
  {
    Worker worker("test-worker");
    for (int i = 0; i < 100; i++) worker.post([&order, i] { order.push_back(i); });
    worker.post([&] { where = std::this_thread::get_id(); });
  }
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; i++) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
  EXPECT_NE(where, std::thread::id());
  EXPECT_NE(where, std::this_thread::get_id());
}

TEST(WorkerTest, StopsOnlyAfterWorkThatItsWorkPosted) {
  int runs = 0;
  {
    Worker worker("test-worker");
    worker.post([&] {
      runs++;
      worker.post([&] { runs++; });
    });
  }
  EXPECT_EQ(runs, 2);
}

TEST(WorkerTest, FinishWaitsForWhatWasPostedBefore) {
  int runs = 0;
  Worker worker("test-worker");
  for (int i = 0; i < 100; i++) worker.post([&runs] { runs++; });
  worker.finish();
  EXPECT_EQ(runs, 100);
  worker.finish();
}

TEST(WorkerTest, TakesWorkFromAllThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 250;
  int runs = 0;  // touched by the worker alone
  {
    Worker worker("test-worker");
    std::vector<std::thread> posters;
    for (int i = 0; i < kThreads; i++) {
      posters.emplace_back([&] {
        for (int n = 0; n < kEach; n++) worker.post([&runs] { runs++; });
      });
    }
    for (std::thread& poster : posters) poster.join();
  }
  EXPECT_EQ(runs, kThreads * kEach);
}

TEST(WorkerTest, ItsThreadHasAName) {
  std::promise<std::string> name;
  Worker worker("fifteen-letters");
  worker.post([&] {
    char buffer[32];
    pthread_getname_np(pthread_self(), buffer, sizeof buffer);
    name.set_value(buffer);
  });
  EXPECT_EQ(name.get_future().get(), "fifteen-letters");
}

TEST(ThreadTest, LeavesSignalsToTheMainThread) {
  bool blocked = false;
  Thread thread("test-thread", [&] {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGINT) == 1;
  });
  thread.join();
  EXPECT_TRUE(blocked);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0);
}

TEST(ThreadTest, MayBeJoinedTwiceOrNeverStarted) {
  Thread never;
  never.join();
  int runs = 0;
  Thread thread("test-thread", [&] { runs++; });
  thread.join();
  thread.join();
  EXPECT_EQ(runs, 1);
  thread = Thread("test-thread", [&] { runs++; });
  thread.join();
  EXPECT_EQ(runs, 2);
}

TEST(InlineExecutorTest, RunsBeforeItReturns) {
  InlineExecutor executor;
  bool ran = false;
  executor.post([&] { ran = true; });
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace rqlite
