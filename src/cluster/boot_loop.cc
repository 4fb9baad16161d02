#include "cluster/boot_loop.h"

#include "base/log.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using Joined = Joiner::Result::Outcome;

constexpr Nanos kBeforeTheFirst = 1ms;

}  // namespace

Status BootLoop::run() {
  const TimePoint deadline = later(means_.clock.now(), options_.timeout);
  for (Nanos wait = kBeforeTheFirst;; wait = wait_time()) {
    if (!means_.sleeper.sleep(wait)) return {Code::kUnavailable, "boot canceled"};
    switch (pass()) {
      case Pass::kDone:
        return {};
      case Pass::kRemoved:
        return {Code::kInvalid, "failed to join cluster: " + why_removed_};
      case Pass::kAgain:
        break;
    }
    if (means_.clock.now() >= deadline) return {Code::kUnavailable, "boot timeout"};
  }
}

Nanos BootLoop::wait_time() {
  const auto spread = static_cast<std::uint64_t>((options_.wait_max - options_.wait_min).count());
  return options_.wait_min + Nanos(random_.below(spread + 1));
}

BootLoop::Pass BootLoop::pass() {
  if (means_.is_done()) {
    log("cluster-bootstrap", "boot operation marked done");
    return Pass::kDone;
  }
  const Result<std::vector<std::string>> addresses = means_.find_addresses();
  if (!addresses.ok()) {
    log("cluster-bootstrap", "provider lookup failed {}", addresses.error().text());
    return Pass::kAgain;
  }
  if (addresses->empty()) return Pass::kAgain;
  const Joiner::Result joined = means_.join(*addresses);
  switch (joined.outcome) {
    case Joined::kJoined:
      log("cluster-bootstrap", "succeeded directly joining cluster via node at {} as {}",
          joined.address, options_.wants_vote ? "VOTER" : "NON_VOTER");
      return Pass::kDone;
    case Joined::kRemoved:
      why_removed_ = joined.text;
      return Pass::kRemoved;
    case Joined::kFailed:
    case Joined::kStopped:  // the next sleep ends at once
      break;
  }
  if (joined.outcome == Joined::kFailed && means_.found) means_.found(*addresses);
  return Pass::kAgain;
}

}  // namespace rqlite::cluster
