#include "cluster/agreement.h"

#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kTryAgain = 20ms;

// An answer that comes by a callback, or too late: whoever waited for it may be gone by then.
template <typename Value>
class Awaited {
 public:
  explicit Awaited(std::shared_ptr<Pause> pause) : state_(std::make_shared<State>()) {
    state_->pause = std::move(pause);
  }

  // Takes it, on any thread.
  [[nodiscard]] std::function<void(const Value&)> taker() const {
    return [state = state_](const Value& value) {
      state->pause->change([&] { state->value = value; });
    };
  }
  // Nullopt: it has not come by then, or there is no time to wait for it.
  [[nodiscard]] std::optional<Value> wait_until(TimePoint deadline) const {
    if (!state_->pause->wait([this] { return state_->value.has_value(); }, deadline)) return {};
    return *state_->value;
  }

 private:
  struct State {
    std::shared_ptr<Pause> pause;
    std::optional<Value> value;  // changed and looked at under its lock
  };
  const std::shared_ptr<State> state_;
};

}  // namespace

Status stopping() { return {Code::kUnavailable, "shutting down"}; }

Status Agreement::leads() {
  const std::optional<store::Store::Leader> leader = group_.leader();
  if (!leader) return {Code::kNoLeader, "leader not found"};
  if (!leader->is_self) return {Code::kNotLeader, "not leader"};
  // A new leader's log may hold changes that are agreed on, but not applied here: whoever decides
  // without them adds again who was removed.
  const raft::Term term = group_.raft_status().term;
  if (term == known_term_) return {};
  RETURN_IF_ERROR(confirm());
  known_term_ = term;
  return {};
}

Status Agreement::confirm() {
  // Tells the index at which a leader was confirmed.
  class Confirmation final : public raft::Read {
   public:
    explicit Confirmation(std::function<void(const Result<raft::Index>&)> to)
        : to_(std::move(to)) {}
    void ready(raft::Index index) override { to_(index); }
    void failed(const Status& why) override { to_(why); }

   private:
    const std::function<void(const Result<raft::Index>&)> to_;
  };
  const TimePoint deadline = clock_.now() + timeout_;
  const Awaited<Result<raft::Index>> confirmed(pause_);
  group_.confirm(std::make_unique<Confirmation>(confirmed.taker()));
  const std::optional<Result<raft::Index>> index = confirmed.wait_until(deadline);
  if (!index) {
    if (pause_->is_stopped()) return stopping();
    return {Code::kDeadline, "no majority confirms that this node leads"};
  }
  if (!index->ok()) return index->error();
  const Awaited<Status> applied(pause_);
  group_.when_applied(**index, deadline - clock_.now(), applied.taker());
  return applied.wait_until(TimePoint::max()).value_or(stopping());
}

Status Agreement::change(raft::ChangeKind kind, const store::MembershipChange& change) {
  const TimePoint deadline = clock_.now() + timeout_;
  while (true) {
    const Awaited<Status> done(pause_);
    group_.change_members(kind, change, done.taker());
    const std::optional<Status> status = done.wait_until(deadline);
    if (!status) {
      if (pause_->is_stopped()) return stopping();
      known_term_ = {};  // it may be agreed on yet
      return {Code::kDeadline, "the change of members takes too long: is there a majority?"};
    }
    // Another change is being agreed on: it is this one's turn soon.
    if (status->code() != Code::kUnavailable || clock_.now() >= deadline) return *status;
    if (!pause_->sleep(kTryAgain)) return stopping();
  }
}

store::Consensus::Matches Agreement::matches(const store::Membership& membership) const {
  std::vector<raft::RaftId> ids;
  for (const auto& [id, entry] : membership.entries()) ids.push_back(id);
  const Awaited<store::Consensus::Matches> found(pause_);
  group_.matches(std::move(ids), found.taker());
  return found.wait_until(TimePoint::max()).value_or(store::Consensus::Matches());
}

}  // namespace rqlite::cluster
