#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace rqlite::rqlited {

// What the scheduler says of a thread.
struct ThreadTime {
  std::string name;
  std::uint64_t id = 0;
  Nanos ran{0};
  Nanos waited{0};  // for a processor, while others had it
};

// A table for people: a line for each of `threads`, the busiest first, one for those that have
// ended, and one for all. `process` is what all threads that there ever were ran.
std::string cpu_table(std::vector<ThreadTime> threads, Nanos process, Nanos elapsed);

// That table for this process.
std::string cpu_table_of_this_process(Nanos elapsed);

}  // namespace rqlite::rqlited
