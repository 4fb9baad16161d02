#include "raft/cluster_sim.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

namespace rqlite::raft {
namespace {

constexpr std::uint64_t kStormSteps = 400;
constexpr std::size_t kMembersMax = 8;
// The longest a cluster in peace may be without a leader.
constexpr std::uint64_t kElectionMsMax = 5000;

SimFileSystem::Crash any_crash(Random& random) {
  return random.chance(0.3) ? SimFileSystem::Crash::kProcess : SimFileSystem::Crash::kPower;
}

}  // namespace

ClusterSim::ClusterSim(std::uint64_t seed)
    : random_(seed), unordered_(random_.chance(0.5)), changing_(random_.chance(0.6)) {}

std::string ClusterSim::run() {
  found();
  storm();
  calm();
  if (checker_.breach().empty()) return "";
  return fmt::format("after {} ms: {}", now_ms_, checker_.breach());
}

void ClusterSim::found() {
  const std::uint64_t founders = 3 + random_.below(3);
  Members members;
  for (std::uint64_t i = 0; i < founders; i++) members.voters.push_back(add_member().id());
  for (const auto& member : members_) {
    member->found(members);
    member->start();
  }
  advance(kElectionMsMax);
  if (leader() == nullptr) checker_.fail("nobody comes to lead at first");
}

void ClusterSim::storm() {
  for (std::uint64_t i = 0; i < kStormSteps && checker_.breach().empty(); i++) {
    disturb();
    work();
    advance(5 + random_.below(60));
  }
}

void ClusterSim::calm() {
  network_.heal();
  network_.set_weather({});
  for (const auto& member : members_) member->mend_disk();
  for (int i = 0; i < 5; i++) {
    start_all();
    advance(kElectionMsMax / 5);
  }
  if (leader() == nullptr) checker_.fail("nobody comes to lead in the calm");
  bool agreed = false;
  for (int i = 0; i < 3 && !agreed; i++) agreed = agrees();
  if (!agreed) checker_.fail("the cluster does not commit in the calm");
  expect_alike();
  hand_over_for_room();
  expect_alike();
}

void ClusterSim::hand_over_for_room() {
  SimMember* full = leader();
  // Of two voters both are needed.
  if (full == nullptr || full->driver().members().voters.size() < 3) return;
  full->fill_disk();
  for (int i = 0; i < 300 && full->leads() && checker_.breach().empty(); i++) {
    (void)full->propose(1000);
    advance(30);
  }
  if (full->leads()) checker_.fail("a leader with a full disk goes on");
  // The one that leads now has the others with it, and the old one when it has room again.
  advance(kElectionMsMax);
  if (!agrees()) checker_.fail("the cluster does not commit while one disk is full");
  full->mend_disk();
  advance(kElectionMsMax);
  if (!agrees()) checker_.fail("the cluster does not commit after a disk was full");
}

void ClusterSim::advance(std::uint64_t ms) {
  for (; ms > 0 && checker_.breach().empty(); ms--) {
    now_ms_++;
    while (const std::optional<Parcel> parcel = network_.next(now_ms_)) {
      SimMember* to = find(parcel->to);
      if (to == nullptr || !to->runs()) {
        network_.lose(*parcel);
        continue;
      }
      const std::uint64_t what = std::hash<BytesView>()(parcel->message) ^ parcel->to.value();
      trace_ = Random(trace_ ^ Random(what ^ now_ms_).next()).next();
      to->deliver(*parcel);
      network_.delivered(*parcel);
    }
    while (const std::optional<SnapshotReport> report = network_.next_report()) {
      SimMember* sender = find(report->sender);
      if (sender != nullptr && sender->runs()) sender->report(*report);
    }
    for (const auto& member : members_) {
      if (member->runs()) member->settle();
    }
  }
}

void ClusterSim::disturb() {
  disturb_network();
  disturb_members();
  if (changing_ && random_.chance(0.2)) change_members();
}

void ClusterSim::disturb_network() {
  if (random_.chance(0.03)) {
    network_.set_weather({
        .loss = random_.chance(0.5) ? static_cast<double>(random_.below(30)) / 100 : 0,
        .duplication = unordered_ && random_.chance(0.5) ? 0.1 : 0,
        .reorders = unordered_ && random_.chance(0.5),
        .stalls = random_.chance(0.7),
    });
  }
  if (random_.chance(0.04)) {
    network_.heal();
    const bool alone = random_.chance(0.4);   // one apart from all others
    const bool parted = random_.chance(0.4);  // or two halves
    const bool one_way = random_.chance(0.3);
    std::set<RaftId> apart;
    if (alone) {
      apart.insert(any().id());
    } else if (parted) {
      for (const auto& member : members_) {
        if (random_.chance(0.5)) apart.insert(member->id());
      }
    }
    for (const RaftId inside : apart) {
      for (const auto& outside : members_) {
        if (apart.contains(outside->id())) continue;
        network_.cut(inside, outside->id());
        if (!one_way) network_.cut(outside->id(), inside);
      }
    }
  }
}

void ClusterSim::disturb_members() {
  SimMember& one = any();
  if (one.runs()) {
    if (random_.chance(0.02)) one.crash(any_crash(random_));
  }
  if (one.runs() || random_.chance(0.1)) {
    if (random_.chance(0.03)) one.fail_soon();
  }
  if (SimMember& other = any(); !other.runs() && random_.chance(0.3)) other.start();
  if (SimMember& other = any();
      other.has_full_disk() ? random_.chance(0.1) : random_.chance(0.01)) {
    if (other.has_full_disk()) {
      other.mend_disk();
    } else {
      other.fill_disk();
    }
  }
  SimMember& other = any();
  if (!other.runs()) return;
  if (random_.chance(0.06)) other.take_snapshot(random_.below(10));
  if (random_.chance(0.02)) other.audit();
  if (random_.chance(0.02)) other.stall(random_.below(1500));
  other.pause_applying(random_.chance(0.1));
  if (random_.chance(0.005)) other.driver().campaign();
  if (SimMember* leads = leader(); leads != nullptr && random_.chance(0.02)) {
    leads->driver().transfer(other.id());
  }
}

void ClusterSim::work() {
  for (const auto& member : members_) {
    // Whoever believes to lead; now and then somebody who knows better.
    if (!member->runs() || (!member->leads() && !random_.chance(0.02))) continue;
    for (std::uint64_t i = random_.below(5); i > 0; i--) {
      const bool large = random_.chance(0.1);
      const bool huge = random_.chance(0.005);
      (void)member->propose(huge ? 20'000 : 8 + random_.below(large ? 3000 : 200));
    }
    for (std::uint64_t i = random_.below(3); i > 0; i--) member->read();
  }
}

void ClusterSim::change_members() {
  SimMember* leads = leader();
  if (leads == nullptr) return;
  const Members members = leads->driver().members();
  std::size_t alive = 0;
  for (const auto& member : members_) alive += !member->is_retired();
  switch (random_.below(4)) {
    case 0: {  // somebody new joins, as a learner
      if (members.learners.size() > 1) return;
      SimMember* joins = nullptr;
      for (const auto& member : members_) {
        if (!member->is_retired() && member->is_new()) joins = member.get();
      }
      if (joins == nullptr && alive < kMembersMax) {
        joins = &add_member();
        joins->start();
      }
      if (joins == nullptr || members.contains(joins->id())) return;
      (void)leads->propose_change(ChangeKind::kAddLearner, joins->id());
      break;
    }
    case 1:  // a learner that has caught up becomes a voter
      for (const RaftId learner : members.learners) {
        if (leads->driver().matched(learner).value() + 3 < leads->status().last.value()) continue;
        (void)leads->propose_change(ChangeKind::kAddVoter, learner);
        break;
      }
      break;
    case 2: {  // somebody leaves; never the leader, which hands over first
      const RaftId goes = members.voters[random_.below(members.voters.size())];
      if (members.voters.size() <= 2) return;
      if (goes == leads->id()) {
        leads->driver().transfer(members.voters[random_.below(members.voters.size())]);
      } else {
        removals_[goes] = leads->propose_change(ChangeKind::kRemove, goes);
      }
      break;
    }
    default:  // whoever was removed and did not hear of it is switched off
      for (const auto& [id, proposal] : removals_) {
        if (checker_.is_applied(proposal) && !find(id)->is_retired()) find(id)->retire();
      }
      return;
  }
  changes_++;
}

SimMember& ClusterSim::add_member() {
  const SimMember::Parts parts{random_, network_, checker_, figures_, now_ms_};
  members_.push_back(std::make_unique<SimMember>(RaftId(++last_id_), parts));
  return *members_.back();
}

void ClusterSim::start_all() {
  for (const auto& member : members_) {
    if (!member->runs() && !member->is_retired()) member->start();
    if (member->runs()) member->pause_applying(false);
  }
}

bool ClusterSim::agrees() {
  std::vector<std::uint64_t> proposals;
  for (int i = 0; i < 20 && checker_.breach().empty(); i++) {
    if (SimMember* leads = leader()) proposals.push_back(leads->propose(100));
    advance(30);
  }
  advance(3000);
  for (const std::uint64_t proposal : proposals) {
    if (!checker_.is_acknowledged(proposal)) return false;
  }
  return proposals.size() == 20;
}

void ClusterSim::expect_alike() {
  SimMember* leads = leader();
  if (leads == nullptr || !checker_.breach().empty()) return;
  const Members members = leads->driver().members();
  for (const auto& member : members_) {
    if (!members.contains(member->id())) continue;
    if (!member->runs() || member->content().index != leads->status().commit ||
        member->content().digest != leads->content().digest) {
      return checker_.fail(fmt::format("{} is not like leader {} in the calm", member->id().value(),
                                       leads->id().value()));
    }
    member->audit();
    checker_.holds_all(member->id(), member->content().applied);
  }
}

SimMember* ClusterSim::find(RaftId id) {
  for (const auto& member : members_) {
    if (member->id() == id) return member.get();
  }
  return nullptr;
}

SimMember* ClusterSim::leader() {
  SimMember* found = nullptr;
  for (const auto& member : members_) {
    if (!member->leads()) continue;
    if (found == nullptr || member->status().term > found->status().term) found = member.get();
  }
  return found;
}

SimMember& ClusterSim::any() {
  while (true) {
    SimMember& member = *members_[random_.below(members_.size())];
    if (!member.is_retired()) return member;
  }
}

}  // namespace rqlite::raft
