#pragma once

namespace rqlite {

// Prints where and what to standard error and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace rqlite

// Our own bug if `condition` is false: prints it and stops the process, in release builds too.
#define CHECK(condition)                                      \
  do {                                                        \
    if (!(condition)) [[unlikely]]                            \
      ::rqlite::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
