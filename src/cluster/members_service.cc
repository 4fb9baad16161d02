#include "cluster/members_service.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/duration.h"
#include "base/log.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 100ms;
constexpr auto kTransferLookEvery = 2ms;
// Nodes that want to join, and are asked who they are at the same time: it is up to them at which
// addresses.
constexpr int kInquiriesMax = 32;

// One that will have a vote once it has caught up is meant to be one.
bool is_voter(const store::Membership::Entry& entry) {
  return entry.votes || entry.member.wants_vote;
}

std::function<void()> refusal(const std::function<void(const MembersService::Joined&)>& then) {
  return [then] { then({MembersService::Joined::Outcome::kRefused, stopping().text()}); };
}

}  // namespace

MembersService::MembersService(Group& group, net::Client& client, const Clock& clock,
                               Counters& counters, Options options, HeardAt heard_at)
    : group_(group),
      client_(client),
      clock_(clock),
      counters_(counters),
      options_(std::move(options)),
      pause_(std::make_shared<Pause>(clock)),
      agreement_(group, clock, pause_, options_.change_timeout),
      admission_(group, agreement_, clock, counters, options_.connect_timeout),
      silence_(group.raft_id(), {kLookEvery, options_.missed_after}, std::move(heard_at),
               [this](const store::Membership::Entry& entry) { return reap_after(entry); }),
      jobs_(std::make_shared<Jobs>(pause_)),
      thread_("membership", [this] { run(); }) {}

MembersService::~MembersService() { stop(); }

void MembersService::stop() {
  jobs_->close();
  thread_.join();
}

void MembersService::run() {
  TimePoint look_at = clock_.now();
  while (!pause_->is_stopped()) {
    if (const auto job = jobs_->next(look_at)) job();
    if (pause_->is_stopped() || clock_.now() < look_at) continue;
    look_after_members();
    if (options_.on_look) options_.on_look();
    look_at = clock_.now() + kLookEvery;
  }
  jobs_->refuse_all();
}

void MembersService::look_after_members() {
  if (!agreement_.leads().ok()) {
    silence_.forget();
    commit_before_ = {};
    admission_.forget();
    return;
  }
  if (const Status status = make_itself_known();
      !status.ok() && std::exchange(unknown_because_, status.text()) != status.text()) {
    log("store", "the members cannot be told who this node is now: {}", status.text());
  }
  promote(group_.membership());
  const store::Membership membership = group_.membership();
  listen(membership);
  reap(membership);
}

Status MembersService::make_itself_known() {
  const store::Membership membership = group_.membership();
  const store::Membership::Entry* entry = membership.find(group_.raft_id());
  if (entry == nullptr || !entry->votes || membership.voters() > 1) return {};
  if (options_.raft_address.empty()) return {};
  const store::Member& known = entry->member;
  if (known.node_id == options_.node_id && known.raft_address == options_.raft_address) return {};
  RETURN_IF_ERROR(agreement_.leads());
  const std::optional<raft::RaftId> other = membership.find_node(options_.node_id);
  if (other && *other != group_.raft_id()) {
    return {Code::kInvalid, "node ID " + options_.node_id + " is in use by another node"};
  }
  store::Member member = known;
  member.node_id = options_.node_id;
  member.raft_address = options_.raft_address;
  RETURN_IF_ERROR(agreement_.change(raft::ChangeKind::kAddVoter, {group_.raft_id(), member}));
  log("store", "this node, with ID {} at {} so far, has ID {} at {} from now on", known.node_id,
      known.raft_address, member.node_id, member.raft_address);
  return {};
}

// A member has caught up when it has all that was committed at the last look.
void MembersService::promote(const store::Membership& membership) {
  const bool nobody = std::all_of(
      membership.entries().begin(), membership.entries().end(), [this](const auto& each) {
        return each.second.votes || admission_.has_caught_up(each.first);
      });
  const raft::Index commit = group_.raft_status().commit;
  const raft::Index before = std::exchange(commit_before_, commit);
  if (nobody || before == raft::Index()) return;
  for (const auto& [id, matched] : agreement_.matches(membership)) {
    const store::Membership::Entry* entry = membership.find(id);
    if (entry == nullptr || entry->votes || matched < before) continue;
    if (!entry->member.wants_vote) {
      admission_.note_caught_up(id);
      continue;
    }
    const Status status = agreement_.change(raft::ChangeKind::kAddVoter, {id, entry->member});
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

void MembersService::listen(const store::Membership& membership) {
  const raft::Term term = group_.raft_status().term;
  for (const auto& [id, is_missed] : silence_.look(term, membership, clock_.now())) {
    const store::Member& member = membership.find(id)->member;
    if (is_missed) {
      log("cluster", "node {} at {} has not been heard of for {}", member.node_id,
          member.raft_address, format_duration(options_.missed_after));
    } else {
      log("cluster", "node {} at {} is heard of again", member.node_id, member.raft_address);
    }
  }
}

std::chrono::nanoseconds MembersService::reap_after(const store::Membership::Entry& entry) const {
  return is_voter(entry) ? options_.reap_voters_after : options_.reap_readers_after;
}

void MembersService::reap(const store::Membership& membership) {
  for (const auto& [id, entry] : membership.entries()) {
    const std::chrono::nanoseconds limit = reap_after(entry);
    if (limit <= 0s || silence_.of(id) <= limit) continue;
    const std::string what = is_voter(entry) ? "voting" : "non-voting";
    const Status status = remove_now(entry.member.node_id);
    if (status.ok()) {
      counters_.reaped++;
      log("store", "successfully reaped {} node {}", what, entry.member.node_id);
    } else {
      counters_.failed_reaps++;
      log("store", "failed to reap {} node {}: {}", what, entry.member.node_id, status.text());
    }
    return;
  }
}

void MembersService::join(JoinRequest request, std::function<void(const Joined&)> then) {
  auto inquiry = std::make_shared<Inquiry>(std::move(request));
  jobs_->post([this, inquiry, then] { decide(inquiry, then); }, refusal(then));
}

// The thread does not wait for others to say who they are: all that matters more than a node that
// wants to join would wait with it.
void MembersService::decide(const std::shared_ptr<Inquiry>& inquiry,
                            const std::function<void(const Joined&)>& then) {
  silence_.keep_only(group_.membership());
  // First: whoever joins answers where the members say that this node is.
  if (const Status known = make_itself_known(); known.code() == Code::kInvalid) {
    return then({Joined::Outcome::kRefused, known.text()});
  }
  if (const auto answer = admission_.decide(*inquiry)) return then(*answer);
  if (inquiries_ == kInquiriesMax) {
    return then({Joined::Outcome::kRefused, "too many nodes want to join at the same time"});
  }
  inquiries_++;
  // By then this service may be gone, and its jobs closed.
  auto again = [this, jobs = jobs_, inquiry, then] {
    const auto decide_again = [this, inquiry, then] {
      inquiries_--;
      decide(inquiry, then);
    };
    jobs->post(decide_again, refusal(then));
  };
  Inquiry::ask(inquiry, client_, clock_, options_.connect_timeout, std::move(again));
}

void MembersService::remove(std::string node_id, Done then) {
  jobs_->post([this, node_id = std::move(node_id), then] { then(remove_now(node_id)); },
              [then] { then(stopping()); });
}

Status MembersService::remove_now(const std::string& node_id) {
  RETURN_IF_ERROR(agreement_.leads());
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
  return agreement_.change(raft::ChangeKind::kRemove, {*id, entry.member});
}

void MembersService::hand_over(std::string node_id, Done then) {
  jobs_->post([this, node_id = std::move(node_id), then] { then(hand_over_now(node_id)); },
              [then] { then(stopping()); });
}

Status MembersService::hand_over_now(const std::string& node_id) {
  RETURN_IF_ERROR(agreement_.leads());
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
  store::Consensus::Matches all = agreement_.matches(membership);
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
    if (!pause_->sleep(kTransferLookEvery)) return stopping();
  }
  return {Code::kDeadline, "leadership transfer timeout"};
}

}  // namespace rqlite::cluster
