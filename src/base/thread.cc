#include "base/thread.h"

#include <pthread.h>
#include <signal.h>

#include <system_error>
#include <utility>

#include "base/check.h"

namespace rqlite {

Thread::Thread(std::string name, std::function<void()> body) {
  std::optional<Thread> started = try_start(std::move(name), std::move(body));
  CHECK(started);  // out of memory, or of threads
  *this = *std::move(started);
}

std::optional<Thread> Thread::try_start(std::string name, std::function<void()> body) {
  CHECK(name.size() <= 15);
  // Signals belong to the main thread: whatever it blocks or handles, ours never see one.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::optional<Thread> started;
  try {
    std::thread thread([name = std::move(name), body = std::move(body)] {
      pthread_setname_np(pthread_self(), name.c_str());
      body();
    });
    started.emplace().thread_ = std::move(thread);
  } catch (const std::system_error&) {
    // The one thing that it is thrown for.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

Thread::~Thread() { join(); }

void Thread::join() {
  if (thread_.joinable()) thread_.join();
}

void Thread::detach() {
  if (thread_.joinable()) thread_.detach();
}

}  // namespace rqlite
