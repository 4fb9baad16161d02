#include "discovery/registration.h"

#include <optional>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace rqlite::discovery {
namespace {

Status stopped() { return {Code::kUnavailable, "discovery canceled"}; }

}  // namespace

Registration::Registration(std::string key, Self self, Means means, Random random)
    : key_(std::move(key)),
      self_(std::move(self)),
      own_claim_{self_.id, self_.api_url, self_.raft_address, self_.founder},
      means_(std::move(means)),
      random_(random) {
  CHECK(!self_.founder.empty());
}

Status Registration::run() {
  log("disco", "no preexisting nodes, registering with discovery service");
  while (true) {
    const Result<std::optional<LeaderEntry>> entry = look();
    const Outcome outcome =
        entry.ok() ? act(step_for(*entry), entry->value_or(LeaderEntry())) : wait_for_next_look();
    switch (outcome) {
      case Outcome::kDone:
        return {};
      case Outcome::kLookAgain:
        break;
      case Outcome::kStopped:
        return stopped();
      case Outcome::kFailed:
        return failure_;
    }
  }
}

Result<std::optional<LeaderEntry>> Registration::look() {
  const Result<std::optional<Bytes>> value = means_.store.get(key_);
  means_.figures.count(value.status());
  if (!value.ok()) {
    log("disco", "failed to get leader: {}", value.error().text());
    return value.error();
  }
  if (!*value) return std::optional<LeaderEntry>();
  Result<LeaderEntry> entry = LeaderEntry::parse(**value);
  if (!entry.ok()) {
    log("disco", "failed to get leader: {} holds what is no leader's entry: {}",
        means_.store.place(key_), entry.error().text());
    return entry.error();
  }
  return std::optional<LeaderEntry>(*std::move(entry));
}

Registration::Step Registration::step_for(const std::optional<LeaderEntry>& entry) const {
  if (!entry) return self_.is_voter ? Step::kClaim : Step::kWait;
  if (entry->is_claim() && entry->id == self_.id && self_.is_voter) {
    return *entry == own_claim_ ? Step::kConfirm : Step::kTakeOver;
  }
  return entry->addr == self_.raft_address ? Step::kWait : Step::kJoin;
}

Registration::Outcome Registration::act(Step step, const LeaderEntry& entry) {
  switch (step) {
    case Step::kWait:
      if (entry.addr == self_.raft_address && !std::exchange(has_explained_own_, true)) {
        log("disco",
            "{} names this node's own address {} (node {}), but its data directory knows of no "
            "cluster: it waits until another member leads and says so there. If that cluster is "
            "gone for good, delete the key.",
            means_.store.place(key_), entry.addr, entry.id);
      }
      return wait_for_next_look();
    case Step::kClaim:
    case Step::kTakeOver:
      return claim(step);
    case Step::kConfirm:
      return confirm();
    case Step::kJoin:
      return join(entry);
  }
  CHECK(false);
}

Registration::Outcome Registration::claim(Step step) {
  const Bytes value = own_claim_.to_json();
  Result<bool> is_ours(true);
  if (step == Step::kClaim) {
    is_ours = means_.store.create_if_absent(key_, value);
  } else if (const Status status = means_.store.put(key_, value); !status.ok()) {
    is_ours = status;
  }
  means_.figures.count(is_ours.status());
  if (!is_ours.ok()) {
    log("disco", "failed to initialize as Leader: {}", is_ours.error().text());
    return wait_for_next_look();
  }
  // Somebody else was faster: to be joined.
  return *is_ours ? confirm() : Outcome::kLookAgain;
}

Registration::Outcome Registration::confirm() {
  log("disco",
      "{} is claimed by this node, which looks at it again in {} s before it founds a cluster",
      means_.store.place(key_),
      std::chrono::duration_cast<std::chrono::seconds>(kConfirmTime).count());
  if (wait(kConfirmTime) == Outcome::kStopped) return Outcome::kStopped;
  const Result<std::optional<LeaderEntry>> entry = look();
  if (!entry.ok()) return wait_for_next_look();
  if (*entry != own_claim_) {
    log("disco", "{} has changed meanwhile, so this node founds no cluster",
        means_.store.place(key_));
    // Two that take the same id from each other must not do so in step.
    return wait_for_next_look();
  }
  log("disco", "node registered as leader using discovery service");
  failure_ = means_.found();
  return failure_.ok() ? Outcome::kDone : Outcome::kFailed;
}

Registration::Outcome Registration::join(const LeaderEntry& entry) {
  log("disco", "discovery service returned {} as join address", entry.addr);
  const Status status = means_.join(entry.addr);
  if (status.ok()) return Outcome::kDone;
  // What failed because of a stop needs no explanation.
  if (wait(kRejoinTime) == Outcome::kStopped) return Outcome::kStopped;
  explain_failed_join(entry, status);
  return Outcome::kLookAgain;
}

void Registration::explain_failed_join(const LeaderEntry& entry, const Status& why) {
  if (entry != last_joined_) failed_joins_ = 0;
  last_joined_ = entry;
  failed_joins_++;
  log("disco",
      "could not join through {}, which {} names as {} ({} in a row): {}. This node keeps trying. "
      "If that cluster is gone for good, delete the key.",
      entry.addr, means_.store.place(key_),
      entry.is_claim() ? "about to found a cluster" : "the leader", failed_joins_, why.text());
}

Registration::Outcome Registration::wait(Nanos time) {
  return means_.sleeper.sleep(time) ? Outcome::kLookAgain : Outcome::kStopped;
}

Registration::Outcome Registration::wait_for_next_look() {
  const auto spread = static_cast<std::uint64_t>((kLookTimeMax - kLookTimeMin).count());
  return wait(kLookTimeMin + Nanos(random_.below(spread)));
}

}  // namespace rqlite::discovery
