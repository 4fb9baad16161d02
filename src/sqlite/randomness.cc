#include "sqlite/randomness.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace rqlite::sqlite {

constinit thread_local const EntryRandom* RandomnessScope::current_ = nullptr;

namespace {

// Of one thread, for names of temporary files and the like.
Random& own_random() {
  static thread_local Random random(random_from_system());
  return random;
}

void fill(Random& random, char* to, std::size_t size) {
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t bits = random.next();
    std::memcpy(to + at, &bits, std::min(sizeof bits, size - at));
  }
}

}  // namespace
}  // namespace rqlite::sqlite

// The linker exports it, for the shared library has one of that name, too; so calls inside of the
// library end here. Visible whatever the rest is compiled with.
extern "C" __attribute__((visibility("default"))) void sqlite3_randomness(int size, void* to) {
  using rqlite::sqlite::RandomnessScope;
  if (size <= 0 || to == nullptr) return;  // asks for a new seed
  auto* bytes = static_cast<char*>(to);
  const auto count = static_cast<std::size_t>(size);
  if (const rqlite::sqlite::EntryRandom* source = RandomnessScope::current()) {
    rqlite::Random random = source->for_next_row();
    rqlite::sqlite::fill(random, bytes, count);
  } else {
    rqlite::sqlite::fill(rqlite::sqlite::own_random(), bytes, count);
  }
}
