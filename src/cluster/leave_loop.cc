#include "cluster/leave_loop.h"

#include <algorithm>

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 10ms;

// Whether it may be otherwise soon.
bool passes(Code code) {
  switch (code) {
    case Code::kNotLeader:
    case Code::kNoLeader:
    case Code::kUnavailable:
    case Code::kUnknown:
    case Code::kDeadline:
    case Code::kFull:
    case Code::kDiskFull:
      return true;
    case Code::kOk:
    case Code::kInvalid:
    case Code::kTooLarge:
    case Code::kFailed:
      return false;
  }
  return false;
}

}  // namespace

Status LeaveLoop::run() {
  const Clock& clock = means_.clock;
  const TimePoint deadline = clock.now() + options_.all_timeout;
  while (true) {
    Status status(Code::kNoLeader, "leader not found");
    const std::optional<store::Store::Leader> leader = find_leader(deadline);
    // An answer may have been lost.
    if (!means_.is_member()) return {};
    if (leader) {
      const Nanos left = std::max(deadline - clock.now(), Nanos(kLookEvery));
      status = means_.remove(*leader, std::min(options_.call_timeout, left));
    }
    if (status.ok()) {
      wait_until_seen();
      return {};
    }
    if (!passes(status.code()) || clock.now() >= deadline) return status;
    // The new leader is asked before it thinks of leaving, too, and hands over itself.
    const bool has_handed_over = leader && leader->is_self && status.code() == Code::kNotLeader;
    const Nanos pause = has_handed_over ? kLookEvery : options_.interval;
    (void)means_.sleeper.sleep(std::min(pause, deadline - clock.now()));
  }
}

// Who stays would not know that it is alone. Whoever has been removed has no leader any more.
std::optional<store::Store::Leader> LeaveLoop::find_leader(TimePoint deadline) {
  const TimePoint patience = std::min(deadline, means_.clock.now() + options_.leader_timeout);
  while (true) {
    std::optional<store::Store::Leader> leader = means_.leader();
    if (leader || !means_.is_member() || means_.clock.now() >= patience) return leader;
    (void)means_.sleeper.sleep(kLookEvery);
  }
}

// Not for ever: who is removed may never hear of it.
void LeaveLoop::wait_until_seen() {
  const TimePoint patience = means_.clock.now() + options_.view_timeout;
  while (means_.is_member() && means_.clock.now() < patience) {
    (void)means_.sleeper.sleep(kLookEvery);
  }
}

}  // namespace rqlite::cluster
