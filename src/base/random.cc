#include "base/random.h"

#include <sys/random.h>

#include "base/check.h"

namespace rqlite {

std::uint64_t random_from_system() {
  std::uint64_t value = 0;
  CHECK(getrandom(&value, sizeof value, 0) == sizeof value);
  return value;
}

}  // namespace rqlite
