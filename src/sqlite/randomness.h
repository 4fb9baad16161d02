#pragma once

#include <utility>

#include "sqlite/entry_random.h"

namespace rqlite::sqlite {

// While it lives, what SQLite draws by itself on this thread comes from `source`; null means the
// operating system, as when there is no scope at all.
//
// SQLite offers no way to set this for a connection: it asks its own sqlite3_randomness(). So
// randomness.cc defines a function of that name, which takes its place in the whole program.
class RandomnessScope {
 public:
  explicit RandomnessScope(const EntryRandom* source) noexcept
      : before_(std::exchange(current_, source)) {}
  ~RandomnessScope() { current_ = before_; }
  RandomnessScope(const RandomnessScope&) = delete;
  RandomnessScope& operator=(const RandomnessScope&) = delete;

  // The innermost scope's source on this thread.
  static const EntryRandom* current() noexcept { return current_; }

 private:
  static constinit thread_local const EntryRandom* current_;

  const EntryRandom* const before_;
};

}  // namespace rqlite::sqlite
