#include "cluster/founding_round.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "base/check.h"

namespace rqlite::cluster {
namespace {

using Kind = FoundingRequest::Kind;
using AnswerKind = FoundingVote::Answer::Kind;

// More than anybody starts at once; so many fit what a node keeps of an attempt.
constexpr std::size_t kAddressesMax = 256;

// How many rounds each node after the first leaves to those before it.
constexpr int kRoundsForOthers = 2;

}  // namespace

FoundingRound::FoundingRound(Self self, int patience, std::function<std::string()> make_cluster_id)
    : self_(std::move(self)), patience_(patience), make_cluster_id_(std::move(make_cluster_id)) {
  std::vector<std::string> addresses = self_.addresses;
  addresses.push_back(self_.raft_address);
  ask_for_views(addresses);
}

void FoundingRound::ask_for_views(const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) {
    if (asked_.size() >= kAddressesMax || !asked_.insert(address).second) continue;
    calls_.push_back({address, {}});
  }
}

void FoundingRound::take(const std::vector<Reply>& replies) {
  CHECK(replies.size() == calls_.size());
  switch (phase_) {
    case Phase::kViews:
      return take_views(replies);
    case Phase::kOwnPromise:
      return take_own_promise(replies);
    case Phase::kPrepare:
      return take_promises(replies);
    case Phase::kAccept:
      return take_accepts(replies);
    case Phase::kLearn:
      return end(verdict_ == Verdict::kFound ? Outcome::kFounded : Outcome::kDropped, "");
    case Phase::kOver:
      CHECK(false);
  }
}

void FoundingRound::take_views(const std::vector<Reply>& replies) {
  const std::vector<Call> calls = std::exchange(calls_, {});
  for (std::size_t i = 0; i < calls.size(); i++) {
    if (!replies[i].view) {
      silent_.emplace(calls[i].address, replies[i].failure);
      continue;
    }
    // One node may be at several addresses.
    const auto& view = views_[replies[i].view->identity.raft_id] = *replies[i].view;
    ask_for_views(view.addresses);
  }
  if (calls_.empty()) decide();
}

bool FoundingRound::is_of_cluster() const {
  return std::any_of(views_.begin(), views_.end(),
                     [](const auto& each) { return !each.second.cluster_id.empty(); });
}

void FoundingRound::decide() {
  const auto own = views_.find(self_.id);
  if (own == views_.end()) return end(Outcome::kWaits, "this node does not answer itself");
  if (!own->second.cluster_id.empty()) return end(Outcome::kCluster, "");
  if (own->second.attempt) return resume(*own->second.attempt);
  if (is_of_cluster()) return end(Outcome::kCluster, "a node is of a cluster already");
  begin();
}

void FoundingRound::resume(const Attempt& attempt) {
  for (const auto& [id, view] : views_) {
    if (view.cluster_id != attempt.cluster_id) continue;
    attempt_ = attempt;
    return tell(Verdict::kFound);
  }
  // Who began it goes on at once; the others one after the other.
  int rank = 0;
  if (attempt.birth.by != self_.id) {
    const auto place = std::distance(attempt.parties.begin(), attempt.parties.find(self_.id));
    rank = 1 + kRoundsForOthers * static_cast<int>(place);
  }
  if (patience_ < rank) return wait_for_another("another node is founding a cluster");
  prepare(attempt);
}

std::vector<const FounderView*> FoundingRound::candidates() const {
  std::vector<const FounderView*> all;
  for (const auto& [id, view] : views_) {
    if (view.wants_vote && view.expect == self_.expect && view.cluster_id.empty()) {
      all.push_back(&view);
    }
  }
  std::sort(all.begin(), all.end(), [](const FounderView* a, const FounderView* b) {
    return std::tie(a->identity.node_id, a->identity.raft_id) <
           std::tie(b->identity.node_id, b->identity.raft_id);
  });
  // Two of one name, or at one address, cannot both be members.
  std::set<std::string> names;
  std::set<std::string> addresses;
  std::erase_if(all, [&](const FounderView* view) {
    if (names.contains(view->identity.node_id) || addresses.contains(view->raft_address)) {
      return true;
    }
    names.insert(view->identity.node_id);
    addresses.insert(view->raft_address);
    return false;
  });
  return all;
}

std::size_t FoundingRound::whole_list() const {
  const auto founders = std::count_if(views_.begin(), views_.end(), [](const auto& each) {
    return each.second.wants_vote && each.second.expect > 0;
  });
  return static_cast<std::size_t>(founders) + silent_.size();
}

void FoundingRound::begin() {
  if (self_.expect == 0) return end(Outcome::kWaits, "this node only joins");
  const std::size_t needed = std::max<std::size_t>(self_.expect, whole_list() / 2 + 1);
  std::vector<const FounderView*> parties = candidates();
  const auto bound = std::erase_if(parties, [](const FounderView* each) { return each->attempt; });
  if (parties.size() + bound < needed) return explain_too_few(parties.size() + bound, needed);
  if (parties.size() < needed) return wait_for_another("other nodes are founding a cluster");
  parties.resize(needed);
  Attempt attempt;
  std::uint64_t round = 0;
  std::optional<int> rank;
  for (std::size_t i = 0; i < parties.size(); i++) {
    const FounderView& view = *parties[i];
    round = std::max(round, view.promised.round);
    if (view.identity.raft_id == self_.id) rank = kRoundsForOthers * static_cast<int>(i);
    attempt.parties[view.identity.raft_id] = {{view.identity.node_id, view.raft_address},
                                              i < self_.expect};
  }
  if (rank && bound > 0) *rank += kRoundsForOthers;
  if (!rank || patience_ < *rank) {
    return wait_for_another("node " + parties.front()->identity.node_id + " is to begin");
  }
  attempt.birth = {round + 1, self_.id};
  attempt.cluster_id = make_cluster_id_();
  prepare(std::move(attempt));
}

void FoundingRound::explain_too_few(std::size_t there, std::size_t needed) {
  std::string text = fmt::format("{} of {} nodes that it takes are there", there, needed);
  for (const auto& [id, view] : views_) {
    if (!view.wants_vote || view.expect == self_.expect) continue;
    text += fmt::format(", node {} expects {} nodes and this one {}", view.identity.node_id,
                        view.expect, self_.expect);
  }
  end(Outcome::kWaits, std::move(text));
}

void FoundingRound::prepare(Attempt attempt) {
  ballot_ = attempt.birth;
  for (const auto& [id, view] : views_) {
    if (view.promised >= ballot_) ballot_ = {view.promised.round + 1, self_.id};
  }
  attempt_ = std::move(attempt);
  phase_ = Phase::kOwnPromise;
  call_parties(Kind::kPrepare, Verdict::kDrop, {self_.id});
}

void FoundingRound::take_own_promise(const std::vector<Reply>& replies) {
  const auto& vote = replies.front().vote;
  if (!vote || vote->kind != AnswerKind::kGranted) return take_promises(replies);
  // This node is asked again, with all: a second time it promises the same.
  phase_ = Phase::kPrepare;
  call_parties(Kind::kPrepare, Verdict::kDrop, parties());
}

std::set<raft::RaftId> FoundingRound::parties() const {
  std::set<raft::RaftId> all;
  for (const auto& [id, party] : attempt_->parties) all.insert(id);
  return all;
}

void FoundingRound::call_parties(FoundingRequest::Kind kind, Verdict verdict,
                                 const std::set<raft::RaftId>& which) {
  calls_.clear();
  for (const raft::RaftId id : which) {
    // It may have moved since.
    const auto view = views_.find(id);
    const std::string& address = view == views_.end() ? attempt_->parties.at(id).member.raft_address
                                                      : view->second.raft_address;
    calls_.push_back({address, {kind, id, *attempt_, ballot_, verdict}});
  }
}

void FoundingRound::take_promises(const std::vector<Reply>& replies) {
  std::set<raft::RaftId> granted;
  std::optional<FoundingVote::Accepted> accepted;
  bool all_can_found = true;
  bool another_acts = false;
  for (std::size_t i = 0; i < replies.size(); i++) {
    const auto& vote = replies[i].vote;
    if (!vote) continue;
    if (vote->kind == AnswerKind::kIsFounded) return tell(Verdict::kFound);
    if (vote->kind == AnswerKind::kNever) return tell(Verdict::kDrop);
    if (vote->kind != AnswerKind::kGranted) {
      another_acts = true;
      continue;
    }
    granted.insert(calls_[i].request.to);
    all_can_found = all_can_found && !vote->is_elsewhere;
    if (vote->accepted && (!accepted || vote->accepted->ballot > accepted->ballot)) {
      accepted = vote->accepted;
    }
  }
  if (granted.size() < attempt_->majority()) {
    if (another_acts) return wait_for_another("another node is founding a cluster");
    return end(Outcome::kWaits,
               fmt::format("{} of {} nodes that were to found a cluster answer; if the others were "
                           "emptied meanwhile, this node's data directory has to be emptied, too",
                           granted.size(), attempt_->parties.size()));
  }
  if (accepted) return ask_for(accepted->verdict, granted);
  const bool found = granted.size() == attempt_->parties.size() && all_can_found;
  ask_for(found ? Verdict::kFound : Verdict::kDrop, granted);
}

void FoundingRound::ask_for(Verdict verdict, const std::set<raft::RaftId>& of) {
  verdict_ = verdict;
  phase_ = Phase::kAccept;
  call_parties(Kind::kAccept, verdict, of);
}

void FoundingRound::take_accepts(const std::vector<Reply>& replies) {
  std::size_t accepts = 0;
  for (const Reply& each : replies) {
    if (!each.vote) continue;
    if (each.vote->kind == AnswerKind::kIsFounded) return tell(Verdict::kFound);
    if (each.vote->kind == AnswerKind::kNever) return tell(Verdict::kDrop);
    if (each.vote->kind == AnswerKind::kGranted) accepts++;
  }
  if (accepts >= attempt_->majority()) return tell(verdict_);
  wait_for_another("another node goes on with the cluster that this one was founding");
}

void FoundingRound::tell(Verdict verdict) {
  verdict_ = verdict;
  phase_ = Phase::kLearn;
  call_parties(Kind::kLearn, verdict, parties());
}

void FoundingRound::end(Outcome outcome, std::string why) {
  phase_ = Phase::kOver;
  calls_.clear();
  outcome_ = outcome;
  why_ = std::move(why);
}

void FoundingRound::wait_for_another(std::string why) {
  waits_for_another_ = true;
  end(Outcome::kWaits, std::move(why));
}

}  // namespace rqlite::cluster
