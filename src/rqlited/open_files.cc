#include "rqlited/open_files.h"

#include <sys/resource.h>

#include <algorithm>

namespace rqlite::rqlited {

std::uint64_t raise_open_files_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

OpenFiles share_open_files(std::uint64_t limit, std::size_t readers) {
  // Half for clients and three eighths for reads, which leaves an eighth for everything else.
  return {std::max<std::size_t>(1, limit / 2),
          std::clamp<std::size_t>(limit / 8, 1, std::max<std::size_t>(1, readers))};
}

}  // namespace rqlite::rqlited
