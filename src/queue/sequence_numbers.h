#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/result.h"
#include "base/slot_file.h"

namespace rqlite::queue {

// Hands out the numbers of accepted requests: they start at the wall clock in nanoseconds, grow
// by one, and never repeat or go back on this node, whatever its clock does between two starts.
//
// To keep that without a write for each number, a bound is durable before the first number below
// it is handed out; a start that finds the clock behind that bound begins there. Not thread-safe,
// except that extend() may run beside next().
class SequenceNumbers {
 public:
  // `path` is the file that keeps the bound. `block` is how many numbers one write of it covers,
  // and the most that a restart can skip.
  static Result<SequenceNumbers> open(FileSystem& files, const std::string& path,
                                      const Clock& clock, std::uint64_t block = 1'000'000'000);

  // The number that this start begins with.
  [[nodiscard]] std::uint64_t first() const { return first_; }

  // Nullopt if the bound is reached: extend() has to come first.
  std::optional<std::uint64_t> next();
  [[nodiscard]] bool exhausted() const { return next_ == bound_; }

  // Whether extend() should be called soon.
  [[nodiscard]] bool wants_extension() const { return next_ + block_ / 2 > bound_; }
  // Makes a higher bound durable and returns it; set_bound() then puts it in force. After a failure
  // it may be tried again.
  Result<std::uint64_t> extend();
  void set_bound(std::uint64_t bound) { bound_ = bound; }

 private:
  SequenceNumbers(SlotFile file, std::uint64_t block, std::uint64_t next, std::uint64_t bound)
      : file_(std::move(file)),
        block_(block),
        first_(next),
        next_(next),
        bound_(bound),
        durable_bound_(bound) {}

  SlotFile file_;
  std::uint64_t block_;
  std::uint64_t first_;
  std::uint64_t next_;
  std::uint64_t bound_;
  std::uint64_t durable_bound_;  // touched only by extend()
};

}  // namespace rqlite::queue
