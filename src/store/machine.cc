#include "store/machine.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "command/command.h"
#include "command/request.h"
#include "raft/members.h"
#include "store/membership_change.h"
#include "store/outcome.h"

namespace rqlite::store {
namespace {

constexpr const char* kForwardedTooLate =
    "a forwarded write came too late: the member that sent it has had an answer, was started "
    "again, or is no member";

}  // namespace

Machine::Machine(Writer& writer, Snapshotter& snapshotter, SetAside& set_aside,
                 AppliedIndex& applied, Outcomes& outcomes, const SnapshotRecord& state,
                 std::string node_id, std::size_t group_max, OnMembers on_members)
    : writer_(writer),
      snapshotter_(snapshotter),
      applied_(applied),
      set_aside_(set_aside),
      outcomes_(outcomes),
      groups_(writer, outcomes, group_max),
      incoming_(set_aside, state.state.incoming),
      now_{state.index, state.term, state.conf_state, state.state},
      last_command_(state.index.value()),
      last_write_(state.index.value()),
      node_id_(std::move(node_id)),
      on_members_(std::move(on_members)) {
  applied_.advance(now_.index);
}

void Machine::listen(StreamListener* listener) {
  MutexLock lock(mutex_);
  listener_ = listener;
}

Status Machine::apply(std::vector<raft::Committed> entries) {
  CHECK(batch_.empty() && todo_.empty() && !entries.empty());
  CHECK(entries.front().index == now_.index.next());
  todo_.assign(std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end()));
  return resume();
}

Status Machine::take_batch() {
  places_.clear();
  std::vector<GroupApply::Work> work;
  batch_.reserve(todo_.size());  // what is decoded are views into it
  bool ends = false;
  while (!todo_.empty() && !ends) {
    const raft::Committed& entry = batch_.emplace_back(std::move(todo_.front()));
    todo_.pop_front();
    GroupApply::Work& next = work.emplace_back();
    Place& place = places_.emplace_back();
    ends = entry.kind == raft::EntryKind::kChange;
    // A leader's first entry of a term, and changes of members, carry no command.
    if (entry.kind == raft::EntryKind::kNormal && !entry.payload().empty()) {
      std::optional<command::Command> command = command::decode_command(entry.payload());
      if (!command) {
        return {Code::kFailed,
                "entry " + entry.index.to_string() +
                    " of the log is not a command that this version knows: a newer one wrote it"};
      }
      if (batch_.size() > 1 && begins_batch(*command)) {
        todo_.push_front(std::move(batch_.back()));
        batch_.pop_back();
        work.pop_back();
        places_.pop_back();
        break;
      }
      batch_appended_at_ = WallTime(std::chrono::milliseconds(command->header.unix_milliseconds));
      replacement_ = command->replacement;
      piece_ = command->piece;
      ends = replacement_ || piece_;
      if (command->origin) {
        place.origin = command->origin;
        place.forwarded = admit(*command->origin, entry.index);
        if (place.forwarded != ForwardedWrites::Admission::kNew) command->requests.clear();
      }
      if (command->place) {
        place.place = command->place;
        place.requests = command->requests.size();
        place.admission = admit(*command, entry.index);
        if (place.admission != StreamTable::Admission::kNew) command->requests.clear();
      }
      place.is_command = true;
      place.may_write = replacement_ || !command->requests.empty();
      next.command = std::move(*command);
    }
  }
  groups_.start(std::move(work));
  return {};
}

bool Machine::begins_batch(const command::Command& command) const {
  return command.replacement || command.piece ||
         (command.origin && outcomes_.forwarded().begins_epoch(*command.origin));
}

ForwardedWrites::Admission Machine::admit(const command::Origin& origin, raft::Index index) {
  if (!now_.state.members.contains(raft::RaftId(origin.member))) {
    return ForwardedWrites::Admission::kStale;
  }
  return outcomes_.forwarded().admit(origin, index);
}

StreamTable::Admission Machine::admit(const command::Command& command, raft::Index index) {
  return outcomes_.admit(*command.place, command.requests.size(), index,
                         [this](std::string_view node_id) -> std::optional<raft::RaftId> {
                           for (const auto& [id, member] : now_.state.members) {
                             if (member.node_id == node_id) return id;
                           }
                           return std::nullopt;
                         });
}

Status Machine::resume() {
  while (true) {
    if (!batch_.empty()) {
      if (piece_) RETURN_IF_ERROR(take_piece());
      if (replacement_) RETURN_IF_ERROR(replace_database());
      if (Status status = groups_.run(); !status.ok()) {
        if (groups_.can_retry()) {
          return status.with_context("entry " + now_.index.next().to_string());
        }
        return {Code::kFailed, status.text() +
                                   ". A request is half applied; a restart applies it again from "
                                   "the last snapshot"};
      }
      finish_batch();
    }
    if (todo_.empty()) return {};
    RETURN_IF_ERROR(take_batch());
  }
}

Status Machine::poll_snapshots() {
  RETURN_IF_ERROR(snapshotter_.poll(now_));
  // One that is being taken may go on with a file, too.
  if (snapshotter_.is_idle()) {
    set_aside_.remove_old(snapshotter_.last().state.incoming, now_.state.incoming);
  }
  return {};
}

Status Machine::take_piece() {
  const Result<bool> taken = incoming_.take(*piece_, batch_.front().term);
  if (!taken.ok()) return taken.error();
  if (!*taken) refusal_ = "it does not go on with what came before";
  piece_.reset();
  return {};
}

Status Machine::replace_database() {
  Snapshotter::Applied after = now_;
  after.index = batch_.front().index;
  after.term = batch_.front().term;
  after.state.incoming.reset();
  // Every member has what came through the log; another file, only the one that proposed it.
  if (incoming_.is_whole(*replacement_, after.term) || now_.state.members.size() <= 1) {
    RETURN_IF_ERROR(snapshotter_.replace_database(after, *replacement_));
    incoming_.drop();
  } else {
    refusal_ = "the cluster has other members now, which do not have the file";
  }
  replacement_.reset();
  return {};
}

void Machine::finish_batch() {
  std::vector<GroupApply::Work> work = groups_.take();
  std::vector<raft::Committed> batch = std::exchange(batch_, {});
  std::size_t bytes = 0;
  std::uint64_t last_command = last_command_;
  std::uint64_t last_write = last_write_;
  for (std::size_t i = 0; i < batch.size(); i++) {
    bytes += batch[i].payload().size();
    if (batch[i].kind == raft::EntryKind::kChange) apply_change(batch[i]);
    if (places_[i].place && places_[i].admission == StreamTable::Admission::kNew) {
      outcomes_.applied(*places_[i].place, batch[i].index, work[i].results);
    }
    if (places_[i].origin) keep_forwarded(batch[i], places_[i], work[i]);
    if (places_[i].is_command) last_command = batch[i].index.value();
    if (places_[i].may_write) last_write = batch[i].index.value();
  }
  now_.index = batch.back().index;
  now_.term = batch.back().term;
  now_.state.session = writer_.state();
  incoming_.passed(now_.term);
  now_.state.incoming = incoming_.file();
  appended_at_ = batch_appended_at_;
  snapshotter_.applied_bytes(bytes);
  // Readers first: whoever hears of a write finds it.
  applied_.advance(now_.index);
  last_command_ = last_command;
  last_write_ = last_write;
  if (!refusal_.empty() && batch.front().proposal) {
    batch.front().proposal->failed({Code::kUnavailable, std::exchange(refusal_, {})});
  }
  for (std::size_t i = 0; i < batch.size(); i++) tell(batch[i], places_[i], work[i]);
}

void Machine::keep_forwarded(const raft::Committed& entry, Place& at,
                             const GroupApply::Work& work) {
  switch (at.forwarded) {
    case ForwardedWrites::Admission::kNew:
      return outcomes_.forwarded().applied(*at.origin, entry.index, work.results.front());
    case ForwardedWrites::Admission::kSeen:
      outcomes_.forwarded().repeated(*at.origin);
      // Now: what follows may say that it has been answered.
      if (entry.proposal) at.answer = outcomes_.forwarded().find(*at.origin);
      return;
    case ForwardedWrites::Admission::kStale:
      return;
  }
}

// Tells whoever waits for `entry` what it did.
void Machine::tell(raft::Committed& entry, Place& at, GroupApply::Work& work) {
  auto* proposal = static_cast<WriteProposal*>(entry.proposal.get());
  const bool waits = proposal != nullptr && proposal->waits();
  if (at.origin && at.forwarded != ForwardedWrites::Admission::kNew) {
    if (!waits) return;
    if (!at.answer) return proposal->failed({Code::kUnknown, kForwardedTooLate});
    work.results.resize(1);
    work.results.front() = std::move(at.answer->result);
    return proposal->applied(at.answer->index, std::move(work.results));
  }
  if (!at.place) {
    if (waits) proposal->applied(entry.index, std::move(work.results));
    return;
  }
  switch (at.admission) {
    case StreamTable::Admission::kNew:
      if (waits) {
        proposal->applied(entry.index, std::move(work.results));
      } else if (at.place->node_id == node_id_) {
        MutexLock lock(mutex_);
        if (listener_ == nullptr) return;
        listener_->on_stream_applied(at.place->epoch, at.place->first, entry.index,
                                     std::move(work.results));
      }
      return;
    case StreamTable::Admission::kSeen:
      if (waits) proposal->applied(entry.index, results_before(at, entry.payload()));
      return;
    case StreamTable::Admission::kEarly:
      if (waits) proposal->failed({Code::kUnavailable, "a batch before it is missing"});
      return;
    case StreamTable::Admission::kLate:
      if (waits) proposal->failed({Code::kUnavailable, "its queue has been started anew since"});
      return;
  }
}

// What became of `batch` when it was applied for the first time, as far as that is kept: failures,
// and what a request with a key did.
std::vector<command::RequestResult> Machine::results_before(const Place& at, BytesView batch) {
  std::vector<command::RequestResult> results(at.requests);
  const std::optional<command::Command> decoded = command::decode_command(batch);
  CHECK(decoded && decoded->requests.size() == results.size());
  const std::string node_id(at.place->node_id);
  for (std::size_t i = 0; i < results.size(); i++) {
    const command::RequestReader request(decoded->requests[i]);
    if (!request.key().empty()) {
      auto known = outcomes_.keys().find(request.key(),
                                         fingerprint_of(request.statements(), request.flags()));
      if (known) {
        results[i] = std::move(*known);
        // For all that is known, this was the request that was executed.
        using Key = command::RequestResult::Key;
        if (results[i].key == Key::kReplayed) results[i].key = Key::kFirst;
        continue;
      }
    }
    const StreamTable::Verdict verdict = outcomes_.verdict(node_id, at.place->first + i);
    if (verdict.state != StreamTable::Verdict::State::kFailed) continue;
    if (auto kept = command::decode_result(verdict.result)) results[i] = std::move(*kept);
  }
  return results;
}

void Machine::apply_change(const raft::Committed& entry) {
  now_.conf_state = entry.conf_state;
  if (std::optional<MembershipChange> change = decode_membership_change(entry.context)) {
    now_.state.members.insert_or_assign(change->raft_id, std::move(change->member));
  }
  const raft::Members members = raft::decode_members(entry.conf_state);
  std::erase_if(now_.state.members,
                [&](const auto& each) { return !members.contains(each.first); });
  outcomes_.forwarded().members_changed(
      [this](raft::RaftId id) { return now_.state.members.contains(id); });
  if (on_members_) on_members_(now_);
}

Status Machine::install(const ReceivedSnapshot& received) {
  tell_waiting({Code::kUnknown, "leadership lost while committing log"});
  batch_.clear();
  todo_.clear();
  replacement_.reset();
  piece_.reset();
  refusal_.clear();
  incoming_.drop();
  groups_.abandon();
  RETURN_IF_ERROR(snapshotter_.install(received));
  const SnapshotRecord& record = snapshotter_.last();
  now_ = {record.index, record.term, record.conf_state, record.state};
  if (on_members_) on_members_(now_);
  applied_.advance(now_.index);
  last_command_ = last_write_ = now_.index.value();
  return {};
}

void Machine::tell_waiting(const Status& why) {
  for (raft::Committed& entry : batch_) {
    if (entry.proposal) entry.proposal->failed(why);
  }
  for (raft::Committed& entry : todo_) {
    if (entry.proposal) entry.proposal->failed(why);
  }
}

}  // namespace rqlite::store
