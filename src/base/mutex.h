#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

// Clang's thread-safety analysis, an error in our Clang builds; nothing elsewhere.
#if defined(__clang__)
#define RQLITE_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define RQLITE_THREAD_ANNOTATION(x)
#endif
#define CAPABILITY(x) RQLITE_THREAD_ANNOTATION(capability(x))
#define SCOPED_CAPABILITY RQLITE_THREAD_ANNOTATION(scoped_lockable)
#define GUARDED_BY(x) RQLITE_THREAD_ANNOTATION(guarded_by(x))
#define REQUIRES(...) RQLITE_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define ACQUIRE(...) RQLITE_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASE(...) RQLITE_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define EXCLUDES(...) RQLITE_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS RQLITE_THREAD_ANNOTATION(no_thread_safety_analysis)

namespace rqlite {

class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits are spurious: call them in a loop over the condition.
class CondVar {
 public:
  void wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }

  void wait_until(Mutex& mutex, std::chrono::steady_clock::time_point deadline) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait_until(lock, deadline);
    lock.release();
  }

  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace rqlite
