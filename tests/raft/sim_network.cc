#include "raft/sim_network.h"

#include <algorithm>

namespace rqlite::raft {

void SimNetwork::send(Parcel parcel, std::uint64_t now_ms) {
  if (random_.chance(weather_.loss)) return lose(parcel);
  const bool stalls = weather_.stalls && random_.chance(0.02);
  std::uint64_t due = now_ms + 1 + random_.below(stalls ? 400 : 20);
  if (!weather_.reorders) {
    std::uint64_t& last = last_due_[{parcel.from, parcel.to}];
    due = last = std::max(last, due);
  }
  if (random_.chance(weather_.duplication)) {
    Parcel copy = parcel;
    copy.is_copy = true;
    under_way_.emplace(std::pair(due + random_.below(300), sent_++), std::move(copy));
  }
  under_way_.emplace(std::pair(due, sent_++), std::move(parcel));
}

std::optional<Parcel> SimNetwork::next(std::uint64_t now_ms) {
  while (!under_way_.empty() && under_way_.begin()->first.first <= now_ms) {
    Parcel parcel = std::move(under_way_.begin()->second);
    under_way_.erase(under_way_.begin());
    if (!cuts_.contains({parcel.from, parcel.to})) return parcel;
    lose(parcel);
  }
  return std::nullopt;
}

std::optional<SnapshotReport> SimNetwork::next_report() {
  if (reports_.empty()) return std::nullopt;
  const SnapshotReport report = reports_.front();
  reports_.pop_front();
  return report;
}

void SimNetwork::report(const Parcel& parcel, bool arrived) {
  // Once for each snapshot: a copy's fate is nobody's concern.
  if (!parcel.is_snapshot || parcel.is_copy) return;
  reports_.push_back({parcel.from, parcel.life, parcel.to, arrived});
}

}  // namespace rqlite::raft
