#include "store/machine.h"

#include <utility>

#include "base/check.h"
#include "command/command.h"
#include "raft/members.h"
#include "store/membership_change.h"

namespace rqlite::store {

Machine::Machine(Writer& writer, Snapshotter& snapshotter, AppliedIndex& applied,
                 const SnapshotRecord& state)
    : writer_(writer),
      snapshotter_(snapshotter),
      applied_(applied),
      groups_(writer),
      now_{state.index, state.term, state.conf_state, state.state} {
  applied_.advance(now_.index);
}

Status Machine::apply(std::vector<raft::Committed> entries) {
  CHECK(batch_.empty() && !entries.empty());
  CHECK(entries.front().index == now_.index.next());
  batch_ = std::move(entries);
  std::vector<GroupApply::Work> work(batch_.size());
  for (std::size_t i = 0; i < batch_.size(); i++) {
    // A leader's first entry of a term, and changes of members, carry no command.
    if (batch_[i].kind != raft::EntryKind::kNormal || batch_[i].payload().empty()) continue;
    std::optional<command::Command> command = command::decode_command(batch_[i].payload());
    if (!command) {
      return {Code::kFailed,
              "entry " + batch_[i].index.to_string() +
                  " of the log is not a command that this version knows: a newer one wrote it"};
    }
    work[i].command = std::move(*command);
  }
  groups_.start(std::move(work));
  return resume();
}

Status Machine::resume() {
  if (Status status = groups_.run(); !status.ok()) {
    if (groups_.can_retry()) return status.with_context("entry " + now_.index.next().to_string());
    return {Code::kFailed, status.text() +
                               ". A request is half applied; a restart applies it again from "
                               "the last snapshot"};
  }
  finish_batch();
  return {};
}

void Machine::finish_batch() {
  std::vector<GroupApply::Work> work = groups_.take();
  std::vector<raft::Committed> batch = std::exchange(batch_, {});
  std::size_t bytes = 0;
  for (const raft::Committed& entry : batch) {
    bytes += entry.payload().size();
    if (entry.kind == raft::EntryKind::kChange) apply_change(entry);
  }
  now_.index = batch.back().index;
  now_.term = batch.back().term;
  now_.state.session = writer_.state();
  snapshotter_.applied_bytes(bytes);
  // Readers first: whoever hears of a write finds it.
  applied_.advance(now_.index);
  for (std::size_t i = 0; i < batch.size(); i++) {
    if (!batch[i].proposal) continue;
    static_cast<WriteProposal&>(*batch[i].proposal)
        .applied(batch[i].index, std::move(work[i].results));
  }
}

void Machine::apply_change(const raft::Committed& entry) {
  now_.conf_state = entry.conf_state;
  if (std::optional<MembershipChange> change = decode_membership_change(entry.context)) {
    now_.state.members.insert_or_assign(change->raft_id, std::move(change->member));
  }
  const raft::Members members = raft::decode_members(entry.conf_state);
  std::erase_if(now_.state.members,
                [&](const auto& each) { return !members.contains(each.first); });
}

void Machine::tell_waiting(const Status& why) {
  for (raft::Committed& entry : batch_) {
    if (entry.proposal) entry.proposal->failed(why);
  }
}

}  // namespace rqlite::store
