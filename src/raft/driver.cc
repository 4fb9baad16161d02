#include "raft/driver.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/message.h"
#include "raft/rollback.h"

namespace rqlite::raft {
namespace {

// What an entry costs beside its data while it waits to be applied.
constexpr std::size_t kHandedOverheadBytes = 128;

Status no_leader() { return {Code::kNoLeader, "leader not found"}; }
Status not_leader() { return {Code::kNotLeader, "not leader"}; }
Status no_room() { return {Code::kDiskFull, "disk is full: another node is asked to lead"}; }
Status stuck() { return {Code::kUnknown, "no majority has stored it in time"}; }
Status leadership_lost() { return {Code::kUnknown, "leadership lost while committing log"}; }

}  // namespace

Driver::Driver(const Options& options, Core& core, Log& log, Transport& transport,
               StateMachine& machine, Bytes conf_state)
    : options_(options),
      core_(core),
      log_(log),
      transport_(transport),
      machine_(machine),
      handover_(options.handover_pause_ticks),
      members_(decode_members(conf_state)) {
  const Core::Status status = core_.status();
  state_ = written_ = {status.term, status.vote, status.commit};
  committed_ = handed_ = status.applied;
}

Status Driver::may_lead() const {
  if (!failed_.ok()) return failed_;
  const Core::Status status = this->status();
  if (status.role != Role::kLeader) {
    return status.leader == RaftId() ? no_leader() : not_leader();
  }
  return {};
}

Status Driver::may_propose() const {
  RETURN_IF_ERROR(may_lead());
  if (is_stuck_) return {Code::kUnavailable, "no majority stores what this node sends"};
  if (!core_.status().transferring) return {};
  if (is_giving_up_) return no_room();
  return {Code::kUnavailable, "leadership transfer in progress"};
}

Status Driver::reserve(std::size_t bytes) {
  Status status = log_.reserve(round_entries_ + 1, round_bytes_ + bytes);
  // For one that is too large alone, nobody else may have room either.
  if (status.code() == Code::kDiskFull && !log_.has_room()) no_room_ = true;
  if (!status.ok()) return status;
  round_entries_++;
  round_bytes_ += bytes;
  return {};
}

void Driver::propose(std::unique_ptr<Proposal> proposal) {
  Status status = may_propose();
  if (status.ok()) status = reserve(proposal->data().size());
  if (!status.ok()) return proposal->failed(status);
  gathered_.push_back(std::move(proposal));
}

void Driver::propose_gathered() {
  std::vector<std::unique_ptr<Proposal>> together;
  std::size_t bytes = 0;
  for (std::unique_ptr<Proposal>& each : std::exchange(gathered_, {})) {
    const std::size_t size = each->data().size();
    if (!together.empty() && bytes + size > options_.message_bytes_max) {
      propose_together(std::exchange(together, {}));
      bytes = 0;
    }
    bytes += size;
    together.push_back(std::move(each));
  }
  if (!together.empty()) propose_together(std::move(together));
}

void Driver::propose_together(std::vector<std::unique_ptr<Proposal>> proposals) {
  std::vector<BytesView> data;
  data.reserve(proposals.size());
  for (const auto& each : proposals) data.push_back(each->data());
  std::optional<Index> index;
  if (may_propose().ok()) index = core_.propose(data);
  if (!index) {
    const Status why = why_refused();
    for (const auto& each : proposals) each->failed(why);
    return;
  }
  for (auto& each : proposals) {
    await(*index, EntryKind::kNormal, std::move(each));
    index = index->next();
  }
}

void Driver::propose_change(ChangeKind kind, RaftId id, BytesView context,
                            std::unique_ptr<Proposal> proposal) {
  Status status = may_propose();
  if (status.ok()) status = reserve(context.size() + 64);
  if (!status.ok()) return proposal->failed(status);
  propose_gathered();  // which came first
  const std::optional<Index> index = core_.propose_change(kind, id, context);
  if (!index) return proposal->failed(why_refused());
  await(*index, EntryKind::kChange, std::move(proposal));
}

Status Driver::why_refused() const {
  const Status status = may_propose();
  if (!status.ok()) return status;
  // A leader refuses only what would pass its bound on uncommitted bytes.
  return {Code::kUnavailable, "too much is waiting to be committed"};
}

void Driver::await(Index index, EntryKind kind, std::unique_ptr<Proposal> proposal) {
  pending_.push_back({index, core_.status().term, kind, std::move(proposal)});
}

void Driver::read(std::unique_ptr<Read> read) {
  if (Status status = may_lead(); !status.ok()) return read->failed(status);
  reads_.add(std::move(read));
}

void Driver::step(BytesView message) {
  if (!failed_.ok() || removed_) return;
  const std::optional<MessageContent> content = peek_message(message);
  // Somebody else may have been at this address before, with another id.
  if (!content || content->to != options_.id) return;
  // No leader sends that, and the core would take it for a word of its own.
  if ((content->is_append || content->is_heartbeat) && content->term == Term()) return;
  // Before the core, for which this cannot be.
  failed_ = find_rollback(*content, message, core_);
  if (!failed_.ok()) return;
  handover_.heard(content->from, content->has_room);
  // Who asks goes on then, and may ask somebody else.
  if (content->hands_over && !(machine_.stalled().ok() && log_.has_room())) return;
  // A member without room for entries drops them, and the leader sends them again. What carries
  // none, votes and heartbeats, always has room: without them the cluster would lose its leader.
  if (content->entries > 0) {
    round_entries_ += content->entries;
    round_bytes_ += content->entry_bytes;
    if (!log_.reserve(round_entries_, round_bytes_).ok()) return;
  }
  (void)core_.step(message);  // refused ones are old, astray, or from somebody removed
}

void Driver::tick() {
  if (!failed_.ok() || removed_) return;
  core_.tick();
  look_if_stuck();
  reads_.fail_late({Code::kDeadline, "failed to verify leader: timeout"});
  reads_.ask_again(core_);
  if (core_.take_snapshot_wanted()) machine_.snapshot_wanted();
  can_write_ = machine_.stalled().ok() && log_.has_room();
  handover_.tick();
  hand_over_if_full();
}

void Driver::look_if_stuck() {
  const Core::Status status = this->status();
  const bool has_advanced = status.commit != std::exchange(commit_before_, status.commit);
  const bool waits = status.role == Role::kLeader && status.commit < status.last && !has_advanced;
  ticks_without_commit_ = waits ? ticks_without_commit_ + 1 : 0;
  const bool was_stuck = is_stuck_;
  is_stuck_ = options_.patience_ticks > 0 && ticks_without_commit_ >= options_.patience_ticks;
  if (is_stuck_ != was_stuck && options_.on_stuck) options_.on_stuck(is_stuck_);
  if (!is_stuck_) return;
  propose_gathered();
  for (Pending& each : pending_) {
    // The entries stay where they are, and may be committed yet.
    if (auto proposal = std::exchange(each.proposal, nullptr)) proposal->failed(stuck());
  }
}

// Reads would go on here, and writes fail until somebody makes room; another member may have some.
// What waits in the log, or to be applied here, is committed through that one.
void Driver::hand_over_if_full() {
  const bool no_room = std::exchange(no_room_, false);
  const Core::Status status = this->status();
  if (status.role != Role::kLeader || status.transferring) return;
  if (!no_room && machine_.stalled().code() != Code::kDiskFull) return;
  propose_gathered();
  const std::optional<RaftId> to = handover_.next(
      options_.id, members_, [&](RaftId voter) { return core_.matched(voter) >= status.commit; });
  if (!to) return;
  if (options_.on_handover) options_.on_handover(*to);
  is_giving_up_ = true;
  core_.transfer(*to);
}

void Driver::campaign() {
  if (failed_.ok() && !removed_) core_.campaign();
}

void Driver::transfer(RaftId to) {
  propose_gathered();  // which could not be proposed any more
  is_giving_up_ = false;
  if (failed_.ok() && !removed_) core_.transfer(to);
}

void Driver::report_unreachable(RaftId id) {
  if (failed_.ok() && !removed_) core_.report_unreachable(id);
}

void Driver::report_snapshot(RaftId id, bool arrived) {
  if (failed_.ok() && !removed_) core_.report_snapshot(id, arrived);
}

void Driver::applied(Index index) {
  // Of entries that a snapshot has replaced meanwhile, nobody needs to hear.
  if (!failed_.ok() || index <= core_.status().applied) return;
  while (!unapplied_.empty() && unapplied_.front().index <= index) {
    unapplied_bytes_ -= unapplied_.front().bytes;
    unapplied_.pop_front();
  }
  core_.applied(index);
}

void Driver::snapshot_taken(const Snapshot& snapshot, Index release) {
  if (!failed_.ok()) return;
  // Who has come so far is served by what it has told of itself.
  std::erase_if(kept_after_, [this](const auto& each) {
    return core_.matched(each.first) >= each.second || !members_.contains(each.first);
  });
  core_.set_snapshot(snapshot);
  core_.compact(std::min(release, snapshot.index));
  // What the core still holds it may read again.
  log_.release(Index(core_.status().first.value() - 1));
}

Index Driver::releasable(Index snapshot, const Retention& retention) const {
  std::uint64_t release = snapshot.value();
  if (members_.voters.size() + members_.learners.size() > 1) {
    release -= std::min(release, retention.entries);
    if (status().role == Role::kLeader) {
      for (const std::vector<RaftId>* group : {&members_.voters, &members_.learners}) {
        for (const RaftId member : *group) {
          // One of whose log nothing is known gets a snapshot first.
          const std::uint64_t matched = core_.matched(member).value();
          if (matched > 0) release = std::min(release, matched);
        }
      }
      for (const auto& [member, index] : kept_after_) release = std::min(release, index.value());
    }
  }
  const Index affordable = log_.first_within(retention.bytes);
  return Index(std::min(snapshot.value(), std::max(release, affordable.value() - 1)));
}

void Driver::keep_after(RaftId member, Index index) { kept_after_[member] = index; }

Status Driver::round() {
  propose_gathered();
  if (failed_.ok() && !removed_) reads_.ask(core_);
  while (failed_.ok() && !removed_) {
    const std::optional<Core::Ready> ready = core_.ready();
    if (!ready) break;
    failed_ = handle(*ready);
    notice_status();
  }
  round_entries_ = 0;
  round_bytes_ = 0;
  if (failed_.ok() && !removed_) hand_out({});
  if (!failed_.ok()) stop(failed_);
  return failed_;
}

Status Driver::handle(const Core::Ready& ready) {
  send(ready.messages);
  if (ready.snapshot) RETURN_IF_ERROR(install(*ready.snapshot));
  RETURN_IF_ERROR(persist(ready));
  send(ready.persisted_messages);
  for (const Core::ReadState& state : ready.read_states) {
    reads_.confirmed(state.context, state.index);
  }
  take_committed(ready.committed);
  // A core that has left its own members must not be called again.
  if (removed_) return {};
  core_.persisted(ready.number);
  if (ready.snapshot) core_.applied(ready.snapshot->index);
  return {};
}

Status Driver::persist(const Core::Ready& ready) {
  if (ready.hard_state) state_ = *ready.hard_state;
  // A commit index that alone has changed is not worth a write: it is found again. But it goes
  // along with entries. A leader has a change of members committed before it proposes the next,
  // and whoever has the second must know so after a restart too: else it could be elected by
  // members that no longer count.
  const bool changed = state_.term != written_.term || state_.vote != written_.vote;
  if (!changed && ready.entries.empty()) return {};
  const std::optional<HardState> news =
      state_ == written_ ? std::nullopt : std::optional<HardState>(state_);
  RETURN_IF_ERROR(log_.append(news, ready.entries));
  written_ = state_;
  return {};
}

Status Driver::install(const Snapshot& snapshot) {
  fail_pending(leadership_lost());
  RETURN_IF_ERROR(machine_.restore(snapshot));
  RETURN_IF_ERROR(log_.restart_after(snapshot.index, snapshot.term));
  members_ = decode_members(snapshot.conf_state);
  committed_ = handed_ = snapshot.index;
  unapplied_.clear();
  unapplied_bytes_ = 0;
  changes_.clear();
  return {};
}

void Driver::send(const std::vector<Core::Outgoing>& messages) {
  for (const Core::Outgoing& message : messages) {
    if (can_write_ || message.is_snapshot) {
      transport_.send(message.to, message.is_snapshot, message.bytes);
    } else {
      transport_.send(message.to, message.is_snapshot, without_room(message.bytes));
    }
  }
}

void Driver::take_committed(const std::vector<EntryView>& entries) {
  if (entries.empty()) return;
  for (const EntryView& entry : entries) {
    if (entry.kind != EntryKind::kChange) continue;
    Core::Change change = core_.apply_change(entry.data);
    members_ = decode_members(change.conf_state);
    changes_.emplace(entry.index, std::move(change));
  }
  committed_ = entries.back().index;
  hand_out(entries);
  // Its vote would count for nobody, and it would disturb those who stayed.
  if (!members_.contains(options_.id)) removed_ = true;
}

void Driver::hand_out(const std::vector<EntryView>& at_hand) {
  std::vector<Committed> batch;
  auto give = [&](const EntryView& entry) {
    const std::size_t bytes = entry.data.size() + kHandedOverheadBytes;
    unapplied_.push_back({entry.index, bytes});
    unapplied_bytes_ += bytes;
    handed_ = entry.index;
    batch.push_back(to_committed(entry));
  };
  for (const EntryView& entry : at_hand) {
    if (entry.index != handed_.next() || unapplied_bytes_ >= options_.unapplied_bytes_max) break;
    give(entry);
  }
  // What did not fit when it was at hand is read again from the log.
  while (handed_ < committed_ && unapplied_bytes_ < options_.unapplied_bytes_max) {
    for (const EntryView& entry : core_.entries(handed_.next(), committed_.next(),
                                                options_.unapplied_bytes_max - unapplied_bytes_)) {
      give(entry);
    }
  }
  if (!batch.empty()) machine_.apply(std::move(batch));
}

Committed Driver::to_committed(const EntryView& entry) {
  Committed committed{.index = entry.index,
                      .term = entry.term,
                      .kind = entry.kind,
                      .proposal = take_proposal(entry),
                      .data = {},
                      .conf_state = {},
                      .context = {}};
  if (!committed.proposal) committed.data = Bytes(entry.data);
  if (const auto change = changes_.find(entry.index); change != changes_.end()) {
    committed.conf_state = std::move(change->second.conf_state);
    committed.context = std::move(change->second.context);
    changes_.erase(change);
  }
  return committed;
}

std::unique_ptr<Proposal> Driver::take_proposal(const EntryView& entry) {
  if (pending_.empty()) return nullptr;
  CHECK(pending_.front().index >= entry.index);  // entries come in order, each once
  if (pending_.front().index != entry.index) return nullptr;
  Pending pending = std::move(pending_.front());
  pending_.pop_front();
  if (!pending.proposal) return nullptr;
  if (pending.term != entry.term) {
    // Somebody else's entry took the place: ours is out of every log that counts.
    pending.proposal->failed(not_leader());
    return nullptr;
  }
  if (pending.kind != entry.kind) {
    pending.proposal->failed({Code::kUnavailable, "another change of members is under way"});
    return nullptr;
  }
  return std::move(pending.proposal);
}

void Driver::fail_pending(const Status& why) {
  for (Pending& pending : std::exchange(pending_, {})) {
    if (pending.proposal) pending.proposal->failed(why);
  }
}

void Driver::notice_status() {
  const Core::Status status = this->status();
  const bool leads = status.role == Role::kLeader;
  // First: whoever hears of a failure may ask who leads now.
  if (status.role != noticed_.role || status.term != noticed_.term ||
      status.leader != noticed_.leader) {
    machine_.status_changed(status);
  }
  // What was proposed in an earlier term may still be committed, by whoever leads next.
  if (!pending_.empty() && (!leads || pending_.front().term != status.term)) {
    fail_pending(leadership_lost());
  }
  if (!leads) {
    reads_.fail_all(status.leader == RaftId() ? no_leader() : not_leader());
    kept_after_.clear();
  }
  noticed_ = status;
}

Core::Status Driver::status() const {
  Core::Status status = core_.status();
  if (removed_) {
    status.role = Role::kFollower;
    status.leader = RaftId();
  }
  return status;
}

void Driver::stop(const Status& why) {
  if (failed_.ok()) failed_ = why;
  propose_gathered();  // to nobody: each hears why
  // What was proposed has perhaps reached others.
  fail_pending({Code::kUnknown, why.text()});
  reads_.fail_all(why);
}

}  // namespace rqlite::raft
