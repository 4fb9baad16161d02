#pragma once

#include <pthread.h>

#include <cstddef>

#include "base/check.h"

namespace rqlite {

// While it lives, the system has no room for another thread of this process: not for the stack.
class NoThreads {
 public:
  NoThreads() {
    CHECK(pthread_getattr_default_np(&before_) == 0);
    pthread_attr_t huge;
    CHECK(pthread_getattr_default_np(&huge) == 0);
    CHECK(pthread_attr_setstacksize(&huge, std::size_t{1} << 46) == 0);
    CHECK(pthread_setattr_default_np(&huge) == 0);
    pthread_attr_destroy(&huge);
  }
  ~NoThreads() {
    CHECK(pthread_setattr_default_np(&before_) == 0);
    pthread_attr_destroy(&before_);
  }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;

 private:
  pthread_attr_t before_;
};

}  // namespace rqlite
