#include "store/cluster_view.h"

#include <utility>

namespace rqlite::store {

void ClusterView::begin(raft::RaftId self, bool joining) {
  joining_ = joining;
  MutexLock lock(mutex_);
  self_ = self;
}

void ClusterView::core_started(const raft::Core::Status& status) {
  MutexLock lock(mutex_);
  core_ = status;
}

void ClusterView::core_changed(const raft::Core::Status& status) {
  is_leader_ = status.role == raft::Role::kLeader;
  MutexLock lock(mutex_);
  if (status.leader != core_.leader) leader_changes_++;
  // Whoever stands votes for itself.
  if (status.term > core_.term && status.vote == self_) elections_++;
  core_ = status;
  // A leader's first entry of its term stands behind all that was acknowledged before.
  if (status.role == raft::Role::kLeader) ready_at_ = status.last;
}

void ClusterView::members_changed(std::string cluster_id, Membership membership,
                                  raft::Index index) {
  MutexLock lock(mutex_);
  // Whoever may vote has caught up.
  if (const Membership::Entry* entry = membership.find(self_); entry && entry->votes) joined();
  cluster_id_ = std::move(cluster_id);
  membership_ = std::move(membership);
  members_index_ = index;
}

void ClusterView::heard_from(raft::RaftId member) {
  MutexLock lock(mutex_);
  if (member == core_.leader) leader_heard_at_ = clock_.now();
}

Status ClusterView::leads() {
  MutexLock lock(mutex_);
  if (core_.role == raft::Role::kLeader) return {};
  if (core_.leader == raft::RaftId()) return {Code::kNoLeader, "leader not found"};
  return {Code::kNotLeader, "not leader"};
}

bool ClusterView::has_leader() {
  MutexLock lock(mutex_);
  return core_.leader != raft::RaftId();
}

std::optional<Leader> ClusterView::leader() {
  MutexLock lock(mutex_);
  return known_leader();
}

std::optional<Leader> ClusterView::known_leader() const {
  const Membership::Entry* entry = membership_.find(core_.leader);
  if (entry == nullptr) return std::nullopt;
  return Leader{core_.leader, entry->member, core_.leader == self_};
}

bool ClusterView::is_ready(raft::Index applied) {
  if (joining_) return false;
  MutexLock lock(mutex_);
  return core_.leader != raft::RaftId() && applied >= ready_at_;
}

bool ClusterView::in_contact_within(Nanos time) {
  MutexLock lock(mutex_);
  if (core_.role == raft::Role::kLeader) return true;
  return leader_heard_at_ != TimePoint() && clock_.now() - leader_heard_at_ <= time;
}

Membership ClusterView::membership() {
  MutexLock lock(mutex_);
  return membership_;
}

std::string ClusterView::cluster_id() {
  MutexLock lock(mutex_);
  return cluster_id_;
}

ClusterView::Report ClusterView::report() {
  MutexLock lock(mutex_);
  Report report;
  report.membership = membership_;
  report.members_index = members_index_;
  report.leader_changes = leader_changes_;
  report.elections = elections_;
  if (leader_heard_at_ != TimePoint() && core_.role != raft::Role::kLeader) {
    report.leader_heard_at = leader_heard_at_;
  }
  report.removed = is_removed();
  return report;
}

bool ClusterView::is_removed() const {
  return !cluster_id_.empty() && !membership_.contains(self_);
}

ClusterView::News ClusterView::news() {
  MutexLock lock(mutex_);
  News news;
  news.was_removed = is_removed() && !std::exchange(told_removal_, true);
  if (core_.leader == raft::RaftId()) {
    news.of_leader = std::exchange(told_leader_, core_.leader) != core_.leader;
    return news;
  }
  if (core_.leader == told_leader_ && core_.term == told_term_) return news;
  news.leader = known_leader();
  if (!news.leader) return news;
  news.of_leader = true;
  told_leader_ = core_.leader;
  told_term_ = core_.term;
  return news;
}

}  // namespace rqlite::store
