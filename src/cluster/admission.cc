#include "cluster/admission.h"

#include <map>
#include <utility>

#include "base/log.h"

namespace rqlite::cluster {
namespace {

using Outcome = Admission::Answer::Outcome;

Admission::Answer refused(std::string why) { return {Outcome::kRefused, std::move(why)}; }

std::string kind_of(bool votes) { return votes ? "voter" : "non-voter"; }

}  // namespace

std::optional<Admission::Answer> Admission::decide(Inquiry& inquiry) {
  const std::optional<store::Store::Leader> leader = group_.leader();
  if (!leader) return Answer{Outcome::kNotLeader, ""};
  if (!leader->is_self) return Answer{Outcome::kNotLeader, leader->member.raft_address};
  if (!agreement_.leads().ok()) return Answer{Outcome::kNotLeader, ""};
  const store::Membership membership = group_.membership();
  const store::Membership::Entry* entry = membership.find(inquiry.request().identity.raft_id);
  return entry == nullptr ? decide_new(inquiry, membership) : decide_known(inquiry, *entry);
}

std::optional<Admission::Answer> Admission::decide_known(Inquiry& inquiry,
                                                         const store::Membership::Entry& entry) {
  const JoinRequest& request = inquiry.request();
  const NodeIdentity& who = request.identity;
  if (entry.member.node_id != who.node_id || entry.member.raft_address != request.raft_address) {
    // The same node, which has another name or has moved.
    if (const auto other = group_.membership().find_node(who.node_id);
        other && *other != who.raft_id) {
      return refused("node ID " + who.node_id + " is in use by another node");
    }
    for (const auto& check : {check_is_no_copy(inquiry, entry.member), check_there(inquiry)}) {
      if (!check) return std::nullopt;
      if (!check->ok()) return refused(check->text());
    }
    store::Member member = entry.member;
    member.node_id = who.node_id;
    member.raft_address = request.raft_address;
    const auto kind = entry.votes ? raft::ChangeKind::kAddVoter : raft::ChangeKind::kAddLearner;
    if (Status status = agreement_.change(kind, {who.raft_id, member}); !status.ok()) {
      return refused(status.text());
    }
    counters_.removed_before_joins++;
    counters_.joins++;
    log("store", "node with ID {}, at {}, joined successfully as {}", member.node_id,
        member.raft_address, kind_of(entry.votes));
    return Answer{Outcome::kMember, ""};
  }
  if (entry.votes || (!entry.member.wants_vote && caught_up_.contains(who.raft_id))) {
    // Whoever only asks again has just joined.
    if (told_to_wait_.erase(who.raft_id) == 0) counters_.ignored_joins++;
    return Answer{Outcome::kMember, ""};
  }
  told_to_wait_.insert(who.raft_id);
  return Answer{Outcome::kCatchingUp, ""};
}

std::optional<Admission::Answer> Admission::decide_new(Inquiry& inquiry,
                                                       const store::Membership& membership) {
  const JoinRequest& request = inquiry.request();
  const NodeIdentity& who = request.identity;
  if (!request.cluster_id.empty()) return decide_removed(who);
  // Whose place it takes: somebody with its name, or at its address, who must be gone.
  std::map<raft::RaftId, store::Member> replaced;
  bool all_known = true;
  for (const auto& [id, entry] : membership.entries()) {
    const bool same_address = entry.member.raft_address == request.raft_address;
    if (!same_address && entry.member.node_id != who.node_id) continue;
    if (id == group_.raft_id()) {
      return refused("node ID " + who.node_id + " or address " + request.raft_address +
                     " is the leader's");
    }
    if (!same_address) {
      const Result<NodeIdentity>* old =
          inquiry.who_is_at(entry.member.raft_address, clock_.now() - 2 * believed_);
      all_known = all_known && old != nullptr;
      if (old != nullptr && old->ok() && (*old)->raft_id == id) {
        return refused("node ID " + who.node_id + " is in use by a live node at " +
                       entry.member.raft_address);
      }
    }
    replaced.emplace(id, entry.member);
  }
  if (!all_known) return std::nullopt;
  // Last: it may have given up while the old one had its time to answer, and nobody is removed for
  // nobody.
  const std::optional<Status> there = check_there(inquiry);
  if (!there) return std::nullopt;
  if (!there->ok()) return refused(there->text());
  for (const auto& [id, member] : replaced) {
    if (Status status = agreement_.change(raft::ChangeKind::kRemove, {id, member}); !status.ok()) {
      return refused(status.text());
    }
    counters_.removed_before_joins++;
    log("store", "removed node with ID {}, at {}, whose place another one takes", member.node_id,
        member.raft_address);
  }
  const store::Member member{who.node_id, request.raft_address, request.wants_vote};
  const Status status = agreement_.change(raft::ChangeKind::kAddLearner, {who.raft_id, member});
  if (!status.ok()) return refused(status.text());
  if (!request.wants_vote) {
    counters_.joins++;
    log("store", "node with ID {}, at {}, joined successfully as non-voter", who.node_id,
        request.raft_address);
  }
  told_to_wait_.insert(who.raft_id);
  return Answer{Outcome::kCatchingUp, ""};
}

// Who is told so gives up what it has. So it must be true, and not only what a leader believes that
// is none any more, or has not applied yet what was agreed on before its time.
Admission::Answer Admission::decide_removed(const NodeIdentity& who) {
  if (!agreement_.confirm().ok()) return {Outcome::kNotLeader, ""};
  if (group_.membership().contains(who.raft_id)) return {Outcome::kCatchingUp, ""};
  return {Outcome::kRemoved, "this node was removed from the cluster"};
}

// Of two processes with the same data only one may be the member: they would not know of each
// other, and what one of them promised the other would not keep. A node that has moved does not
// answer any more where it was, or is the same process there, which has one more address.
std::optional<Status> Admission::check_is_no_copy(Inquiry& inquiry,
                                                  const store::Member& member) const {
  const NodeIdentity& who = inquiry.request().identity;
  const Result<NodeIdentity>* found =
      inquiry.who_is_at(member.raft_address, clock_.now() - 2 * believed_);
  if (found == nullptr) return std::nullopt;
  if (!found->ok() || (*found)->raft_id != who.raft_id || (*found)->process == who.process) {
    return Status();
  }
  return Status(Code::kUnavailable, "node ID " + member.node_id + " is in use by a live node at " +
                                        member.raft_address +
                                        ", and this one has its data, or a copy of it");
}

std::optional<Status> Admission::check_there(Inquiry& inquiry) const {
  const JoinRequest& request = inquiry.request();
  const Result<NodeIdentity>* found =
      inquiry.who_is_at(request.raft_address, clock_.now() - believed_);
  if (found == nullptr) return std::nullopt;
  if (!found->ok()) return found->error();
  const NodeIdentity& who = request.identity;
  if ((*found)->raft_id == who.raft_id && (*found)->process == who.process) return Status();
  return Status(Code::kUnavailable, "another node answers at " + request.raft_address);
}

void Admission::forget() {
  caught_up_.clear();
  told_to_wait_.clear();
}

}  // namespace rqlite::cluster
