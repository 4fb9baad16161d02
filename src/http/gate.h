#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "base/worker.h"
#include "http/credentials.h"
#include "http/login.h"
#include "http/permissions.h"

namespace rqlite::http {

// Asks of each request whether it may pass, by the credentials file in force; without a file, all
// may.
//
// Threads: all methods from any thread; none blocks, but close() and the destructor. Passwords are
// hashed on a thread of the gate's own, one after the other, and at most kHashingMax requests wait
// for that.
class Gate {
 public:
  static constexpr std::size_t kHashingMax = 64;

  // Null: there is no file, and never will be one.
  explicit Gate(std::shared_ptr<const Credentials> credentials);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  [[nodiscard]] bool asks_for_credentials() const { return has_file_; }

  // Another file takes effect, for requests that come from now on. Precondition:
  // asks_for_credentials().
  void replace(std::shared_ptr<const Credentials> credentials) EXCLUDES(mutex_);

  // Takes microseconds.
  [[nodiscard]] Credentials::Verdict check(const std::optional<Login>& login,
                                           Permissions needed) const EXCLUDES(mutex_);

  // What check() could not tell: calls `then` on the gate's thread, once, with whether the request
  // may pass. False, and nothing is called: too many wait already, or close() was called. Must not
  // block.
  bool verify(std::optional<Login> login, Permissions needed, std::function<void(bool)> then)
      EXCLUDES(mutex_);

  // Lets go of all that wait, who are told nothing, and refuses those who come.
  void close() EXCLUDES(mutex_);

 private:
  void verify_here(const std::optional<Login>& login, Permissions needed,
                   const std::function<void(bool)>& then) EXCLUDES(mutex_);

  const bool has_file_;

  mutable Mutex mutex_;
  std::shared_ptr<const Credentials> credentials_ GUARDED_BY(mutex_);
  std::size_t hashing_ GUARDED_BY(mutex_) = 0;
  // Null: nobody asks for credentials, or the gate is closed.
  std::unique_ptr<Worker> hasher_ GUARDED_BY(mutex_);
};

}  // namespace rqlite::http
