#include "store/ticks.h"

#include <algorithm>

namespace rqlite::store {
namespace {

using std::chrono::nanoseconds;

constexpr int kHeartbeatsPerTimeout = 10;

std::uint64_t rounded_up(nanoseconds time, nanoseconds tick) {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(1, (time + tick - nanoseconds(1)) / tick));
}

}  // namespace

Ticks in_ticks(nanoseconds heartbeat, nanoseconds election, nanoseconds lease, nanoseconds commit) {
  const nanoseconds tick = std::min(heartbeat / kHeartbeatsPerTimeout, 2 * commit);
  return {tick, rounded_up(heartbeat, tick), rounded_up(election, tick), rounded_up(lease, tick)};
}

}  // namespace rqlite::store
