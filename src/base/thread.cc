#include "base/thread.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

#include "base/check.h"

namespace rqlite {

Thread::Thread(std::string name, std::function<void()> body) {
  CHECK(name.size() <= 15);
  // Signals belong to the main thread: whatever it blocks or handles, ours never see one.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([name = std::move(name), body = std::move(body)] {
    pthread_setname_np(pthread_self(), name.c_str());
    body();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Thread::~Thread() { join(); }

void Thread::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace rqlite
