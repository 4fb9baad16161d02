#include "cluster/members_service.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/log.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using Outcome = MembersService::Joined::Outcome;

constexpr auto kLookEvery = 100ms;
constexpr auto kTryAgain = 20ms;
constexpr std::size_t kIdentityBytesMax = 64 << 10;

Status stopping() { return {Code::kUnavailable, "shutting down"}; }

MembersService::Joined refused(std::string why) { return {Outcome::kRefused, std::move(why)}; }

std::string kind_of(bool votes) { return votes ? "voter" : "non-voter"; }

}  // namespace

// An answer that comes by a callback, or too late: whoever waited for it may be gone by then.
template <typename Value>
class MembersService::Awaited {
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

MembersService::MembersService(Group& group, net::Client& client, const Clock& clock,
                               Counters& counters, Options options, HeardAt heard_at)
    : group_(group),
      client_(client),
      clock_(clock),
      counters_(counters),
      options_(std::move(options)),
      heard_at_(std::move(heard_at)),
      pause_(std::make_shared<Pause>(clock)),
      thread_("membership", [this] { run(); }) {}

MembersService::~MembersService() { stop(); }

void MembersService::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  pause_->stop();
  thread_.join();
}

void MembersService::post(std::function<void()> job, std::function<void()> refuse) {
  {
    MutexLock lock(mutex_);
    if (!stopping_) {
      jobs_.push_back({std::move(job), std::move(refuse)});
      refuse = nullptr;
    }
  }
  if (refuse) return refuse();
  pause_->change([] {});
}

void MembersService::run() {
  TimePoint look_at = clock_.now();
  while (!pause_->is_stopped()) {
    if (const auto job = next_job(look_at)) job();
    if (pause_->is_stopped() || clock_.now() < look_at) continue;
    look_after_members();
    if (options_.on_look) options_.on_look();
    look_at = clock_.now() + kLookEvery;
  }
  std::deque<Job> left;
  {
    MutexLock lock(mutex_);
    left = std::exchange(jobs_, {});
  }
  for (const Job& each : left) each.refuse();
}

std::function<void()> MembersService::next_job(TimePoint deadline) {
  const auto is_there = [this] {
    MutexLock lock(mutex_);
    return !jobs_.empty();
  };
  if (!pause_->wait(is_there, deadline)) return {};
  MutexLock lock(mutex_);
  if (stopping_) return {};
  std::function<void()> job = std::move(jobs_.front().run);
  jobs_.pop_front();
  return job;
}

Status MembersService::leads() const {
  const std::optional<store::Store::Leader> leader = group_.leader();
  if (!leader) return {Code::kNoLeader, "leader not found"};
  return leader->is_self ? Status() : Status(Code::kNotLeader, "not leader");
}

void MembersService::look_after_members() {
  if (!leads().ok()) {
    leads_since_ = {};
    commit_before_ = {};
    caught_up_.clear();
    told_to_wait_.clear();
    return;
  }
  if (leads_since_ == TimePoint()) leads_since_ = clock_.now();
  const store::Membership membership = group_.membership();
  promote(membership);
  reap(membership);
}

store::Consensus::Matches MembersService::matches(const store::Membership& membership) {
  std::vector<raft::RaftId> ids;
  for (const auto& [id, entry] : membership.entries()) ids.push_back(id);
  const Awaited<store::Consensus::Matches> found(pause_);
  group_.matches(std::move(ids), found.taker());
  return found.wait_until(TimePoint::max()).value_or(store::Consensus::Matches());
}

// A member has caught up when it has all that was committed at the last look.
void MembersService::promote(const store::Membership& membership) {
  const bool nobody = std::all_of(
      membership.entries().begin(), membership.entries().end(),
      [this](const auto& each) { return each.second.votes || caught_up_.contains(each.first); });
  const raft::Index commit = group_.raft_status().commit;
  const raft::Index before = std::exchange(commit_before_, commit);
  if (nobody || before == raft::Index()) return;
  for (const auto& [id, matched] : matches(membership)) {
    const store::Membership::Entry* entry = membership.find(id);
    if (entry == nullptr || entry->votes || matched < before) continue;
    if (!entry->member.wants_vote) {
      caught_up_.insert(id);
      continue;
    }
    const Status status = change(raft::ChangeKind::kAddVoter, {id, entry->member});
    if (!status.ok()) {
      log("store", "node with ID {} cannot be made a voter yet: {}", entry->member.node_id,
          status.text());
      continue;
    }
    counters_.joins++;
    log("store", "node with ID {}, at {}, joined successfully as voter", entry->member.node_id,
        entry->member.raft_address);
  }
}

void MembersService::reap(const store::Membership& membership) {
  for (const auto& [id, entry] : membership.entries()) {
    const std::chrono::nanoseconds limit =
        entry.votes ? options_.reap_voters_after : options_.reap_readers_after;
    if (id == group_.raft_id() || limit <= 0s) continue;
    if (clock_.now() - std::max(heard_at_(id), leads_since_) <= limit) continue;
    const std::string what = entry.votes ? "voting" : "non-voting";
    const Status status = remove_now(entry.member.node_id);
    if (status.ok()) {
      counters_.reaped++;
      log("store", "successfully reaped {} node {}", what, entry.member.node_id);
    } else {
      counters_.failed_reaps++;
      log("store", "failed to reap {} node {}: {}", what, entry.member.node_id, status.text());
    }
  }
}

void MembersService::join(JoinRequest request, std::function<void(const Joined&)> then) {
  post([this, request = std::move(request), then] { then(decide(request)); },
       [then] { then(refused(stopping().text())); });
}

MembersService::Joined MembersService::decide(const JoinRequest& request) {
  const std::optional<store::Store::Leader> leader = group_.leader();
  if (!leader) return {Outcome::kNotLeader, ""};
  if (!leader->is_self) return {Outcome::kNotLeader, leader->member.raft_address};
  const store::Membership membership = group_.membership();
  const store::Membership::Entry* entry = membership.find(request.identity.raft_id);
  return entry == nullptr ? decide_new(request, membership) : decide_known(request, *entry);
}

MembersService::Joined MembersService::decide_known(const JoinRequest& request,
                                                    const store::Membership::Entry& entry) {
  const NodeIdentity& who = request.identity;
  if (entry.member.node_id != who.node_id || entry.member.raft_address != request.raft_address) {
    // The same node, which has another name or has moved.
    if (const auto other = group_.membership().find_node(who.node_id);
        other && *other != who.raft_id) {
      return refused("node ID " + who.node_id + " is in use by another node");
    }
    if (Status there = check_there(request); !there.ok()) return refused(there.text());
    store::Member member = entry.member;
    member.node_id = who.node_id;
    member.raft_address = request.raft_address;
    const auto kind = entry.votes ? raft::ChangeKind::kAddVoter : raft::ChangeKind::kAddLearner;
    if (Status status = change(kind, {who.raft_id, member}); !status.ok()) {
      return refused(status.text());
    }
    counters_.removed_before_joins++;
    counters_.joins++;
    log("store", "node with ID {}, at {}, joined successfully as {}", member.node_id,
        member.raft_address, kind_of(entry.votes));
    return {Outcome::kMember, ""};
  }
  if (entry.votes || (!entry.member.wants_vote && caught_up_.contains(who.raft_id))) {
    // Whoever only asks again has just joined.
    if (told_to_wait_.erase(who.raft_id) == 0) counters_.ignored_joins++;
    return {Outcome::kMember, ""};
  }
  told_to_wait_.insert(who.raft_id);
  return {Outcome::kCatchingUp, ""};
}

MembersService::Joined MembersService::decide_new(const JoinRequest& request,
                                                  const store::Membership& membership) {
  const NodeIdentity& who = request.identity;
  if (!request.cluster_id.empty()) return decide_removed(who);
  if (Status there = check_there(request); !there.ok()) return refused(there.text());
  // Whose place it takes: somebody with its name, or at its address, who must be gone.
  std::map<raft::RaftId, store::Member> replaced;
  for (const auto& [id, entry] : membership.entries()) {
    const bool same_address = entry.member.raft_address == request.raft_address;
    if (!same_address && entry.member.node_id != who.node_id) continue;
    if (id == group_.raft_id()) {
      return refused("node ID " + who.node_id + " or address " + request.raft_address +
                     " is the leader's");
    }
    if (!same_address) {
      const Result<NodeIdentity> old = ask_who(entry.member.raft_address);
      if (old.ok() && old->raft_id == id) {
        return refused("node ID " + who.node_id + " is in use by a live node at " +
                       entry.member.raft_address);
      }
    }
    replaced.emplace(id, entry.member);
  }
  // It may have given up while the old one had its time to answer: nobody is removed for nobody.
  if (!replaced.empty()) {
    if (Status there = check_there(request); !there.ok()) return refused(there.text());
  }
  for (const auto& [id, member] : replaced) {
    if (Status status = change(raft::ChangeKind::kRemove, {id, member}); !status.ok()) {
      return refused(status.text());
    }
    counters_.removed_before_joins++;
    log("store", "removed node with ID {}, at {}, whose place another one takes", member.node_id,
        member.raft_address);
  }
  const store::Member member{who.node_id, request.raft_address, request.wants_vote};
  const Status status = change(raft::ChangeKind::kAddLearner, {who.raft_id, member});
  if (!status.ok()) return refused(status.text());
  if (!request.wants_vote) {
    counters_.joins++;
    log("store", "node with ID {}, at {}, joined successfully as non-voter", who.node_id,
        request.raft_address);
  }
  told_to_wait_.insert(who.raft_id);
  return {Outcome::kCatchingUp, ""};
}

// Who is told so gives up what it has. So it must be true, and not only what a leader believes that
// is none any more, or has not applied yet what was agreed on before its time.
MembersService::Joined MembersService::decide_removed(const NodeIdentity& who) {
  if (!confirm().ok()) return {Outcome::kNotLeader, ""};
  if (group_.membership().contains(who.raft_id)) return {Outcome::kCatchingUp, ""};
  return {Outcome::kRemoved, "this node was removed from the cluster"};
}

Status MembersService::confirm() {
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
  const TimePoint deadline = clock_.now() + options_.change_timeout;
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

Result<NodeIdentity> MembersService::ask_who(const std::string& address) {
  const net::CallResult result = client_.fetch({.address = address,
                                                .target = std::string(kIdentityPath),
                                                .timeout = options_.connect_timeout,
                                                .connect_timeout = options_.connect_timeout},
                                               kIdentityBytesMax);
  if (!result.response.ok()) {
    return Status(Code::kUnavailable,
                  "node at " + address + " cannot be reached: " + result.response.error().text());
  }
  if (std::optional<NodeIdentity> identity = decode_node_identity(result.response->body);
      result.response->status == 200 && identity) {
    return std::move(*identity);
  }
  return Status(Code::kUnavailable, "node at " + address + " does not say who it is");
}

Status MembersService::check_there(const JoinRequest& request) {
  const Result<NodeIdentity> found = ask_who(request.raft_address);
  if (!found.ok()) return found.error();
  if (found->raft_id == request.identity.raft_id) return {};
  return {Code::kUnavailable, "another node answers at " + request.raft_address};
}

Status MembersService::change(raft::ChangeKind kind, const store::MembershipChange& change) {
  const TimePoint deadline = clock_.now() + options_.change_timeout;
  while (true) {
    const Awaited<Status> done(pause_);
    group_.change_members(kind, change, done.taker());
    const std::optional<Status> status = done.wait_until(deadline);
    if (!status) {
      if (pause_->is_stopped()) return stopping();
      return {Code::kDeadline, "the change of members takes too long: is there a majority?"};
    }
    // Another change is being agreed on: it is this one's turn soon.
    if (status->code() != Code::kUnavailable || clock_.now() >= deadline) return *status;
    if (!pause_->sleep(kTryAgain)) return stopping();
  }
}

void MembersService::remove(std::string node_id, Done then) {
  post([this, node_id = std::move(node_id), then] { then(remove_now(node_id)); },
       [then] { then(stopping()); });
}

Status MembersService::remove_now(const std::string& node_id) {
  RETURN_IF_ERROR(leads());
  const store::Membership membership = group_.membership();
  const std::optional<raft::RaftId> id = membership.find_node(node_id);
  if (!id) return {};
  const store::Membership::Entry& entry = *membership.find(*id);
  if (entry.votes && membership.voters() == 1) {
    return {Code::kInvalid, "need at least one voter in configuration: {[]}"};
  }
  if (*id == group_.raft_id()) {
    // A leader must not remove itself: the next one does.
    group_.leaves_as_leader();
    RETURN_IF_ERROR(hand_over_now(""));
    return {Code::kNotLeader, "not leader"};
  }
  return change(raft::ChangeKind::kRemove, {*id, entry.member});
}

void MembersService::hand_over(std::string node_id, Done then) {
  post([this, node_id = std::move(node_id), then] { then(hand_over_now(node_id)); },
       [then] { then(stopping()); });
}

Status MembersService::hand_over_now(const std::string& node_id) {
  RETURN_IF_ERROR(leads());
  const store::Membership membership = group_.membership();
  if (!node_id.empty()) {
    const std::optional<raft::RaftId> id = membership.find_node(node_id);
    if (!id) return {Code::kInvalid, "node not found in cluster"};
    if (*id == group_.raft_id()) {
      return {Code::kInvalid, "cannot step down to the current Leader"};
    }
    if (!membership.find(*id)->votes) {
      return {Code::kInvalid, "cannot step down to a non-voting node"};
    }
    return transfer(*id);
  }
  store::Consensus::Matches all = matches(membership);
  std::erase_if(all, [&](const auto& each) {
    return each.first == group_.raft_id() || !membership.find(each.first)->votes;
  });
  if (all.empty()) return {Code::kInvalid, "cannot find peer"};
  const auto best = std::max_element(
      all.begin(), all.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return transfer(best->first);
}

Status MembersService::transfer(raft::RaftId to) {
  const TimePoint deadline = clock_.now() + options_.transfer_timeout;
  if (group_.raft_status().transferring) {
    return {Code::kUnavailable, "leadership transfer in progress"};
  }
  group_.transfer(to);
  while (clock_.now() < deadline) {
    const raft::Core::Status status = group_.raft_status();
    if (status.leader == to) return {};
    if (status.leader != raft::RaftId() && status.leader != group_.raft_id()) {
      return {Code::kUnavailable, "another node became the leader"};
    }
    if (!pause_->sleep(kTryAgain / 10)) return stopping();
  }
  return {Code::kDeadline, "leadership transfer timeout"};
}

}  // namespace rqlite::cluster
