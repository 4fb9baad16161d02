#pragma once

#include <cstdint>

#include "base/random.h"

namespace rqlite::sqlite {

// All chance there is in SQL while a log entry is applied, made of the entry's seed, so that it is
// alike on all replicas.
class EntryRandom {
 public:
  explicit EntryRandom(std::uint64_t seed = 0) noexcept : values_(seed), seed_(seed) {}

  // For random() and randomblob(): another value each time.
  std::uint64_t next() noexcept { return values_.next(); }

  // Tells that a row was written.
  void note_row() noexcept { rows_++; }

  // For what SQLite draws by itself. That is above all the rowid of a new row when the largest one
  // is taken, but also what goes into its files, which each replica does at other times than the
  // others. So this is no sequence: until the next row it is the same however often it is asked.
  [[nodiscard]] Random for_next_row() const noexcept {
    return Random(Random(~seed_ + rows_).next());
  }

 private:
  Random values_;
  std::uint64_t seed_;
  std::uint64_t rows_ = 0;
};

}  // namespace rqlite::sqlite
