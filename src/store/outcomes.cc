#include "store/outcomes.h"

#include <utility>

namespace rqlite::store {
namespace {

// As much as is ever kept, and some: beyond it most records of a list would be no longer kept.
constexpr std::size_t kUnsavedBytesMax = 96 << 20;

}  // namespace

StreamTable::Admission Outcomes::admit(const command::StreamPlace& place, std::size_t requests,
                                       raft::Index index, const StreamTable::MemberOf& member_of) {
  MutexLock lock(mutex_);
  return streams_.admit(place, requests, index, member_of);
}

void Outcomes::applied(const command::StreamPlace& place, raft::Index index,
                       const std::vector<command::RequestResult>& results) {
  std::vector<OutcomeRecord> kept;
  {
    MutexLock lock(mutex_);
    kept = streams_.applied(place, index, results);
  }
  note_unsaved(std::move(kept));
}

StreamTable::Verdict Outcomes::verdict(const std::string& node_id, std::uint64_t number) {
  MutexLock lock(mutex_);
  return streams_.verdict(node_id, number);
}

void Outcomes::commit_keys() { note_unsaved(keys_.commit()); }

void Outcomes::note_unsaved(std::vector<OutcomeRecord> records) {
  for (OutcomeRecord& each : records) {
    unsaved_bytes_ += each->size();
    unsaved_.push_back(std::move(each));
  }
  if (unsaved_bytes_ <= kUnsavedBytesMax && !unsaved_dropped_) return;
  drop_unsaved();
}

void Outcomes::drop_unsaved() {
  forget_unsaved();
  unsaved_dropped_ = true;
}

void Outcomes::forget_unsaved() {
  unsaved_.clear();
  unsaved_bytes_ = 0;
}

std::vector<OutcomeRecord> Outcomes::take_unsaved() {
  std::vector<OutcomeRecord> records = std::move(unsaved_);
  forget_unsaved();
  for (OutcomeRecord& each : forwarded_.take_unsaved()) records.push_back(std::move(each));
  return records;
}

std::vector<OutcomeRecord> Outcomes::take_all() {
  (void)take_unsaved();
  unsaved_dropped_ = false;
  return records();
}

std::vector<OutcomeRecord> Outcomes::records() {
  std::vector<OutcomeRecord> records = keys_.records();
  for (OutcomeRecord& each : forwarded_.records()) records.push_back(std::move(each));
  MutexLock lock(mutex_);
  for (OutcomeRecord& each : streams_.records()) records.push_back(std::move(each));
  return records;
}

std::size_t Outcomes::record_bytes() {
  MutexLock lock(mutex_);
  return keys_.record_bytes() + forwarded_.record_bytes() + streams_.record_bytes();
}

void Outcomes::note_positions(ReplicatedState& state) {
  state.senders = forwarded_.positions();
  MutexLock lock(mutex_);
  state.streams = streams_.positions();
}

void Outcomes::restore(const ReplicatedState& state) {
  forwarded_.restore(state.senders);
  MutexLock lock(mutex_);
  streams_.restore(state.streams);
}

void Outcomes::restore(OutcomeRecord record) {
  const std::optional<Outcome> outcome = read_record(*record);
  if (!outcome) return;
  if (!outcome->key.empty()) return keys_.restore(std::move(record), *outcome);
  if (outcome->node_id.empty()) return forwarded_.restore(std::move(record), *outcome);
  MutexLock lock(mutex_);
  streams_.restore(std::move(record), *outcome);
}

void Outcomes::replace(const ReplicatedState& state, const std::vector<OutcomeRecord>& records) {
  forget_unsaved();
  unsaved_dropped_ = false;
  keys_.clear();
  restore(state);
  for (const OutcomeRecord& each : records) restore(each);
}

}  // namespace rqlite::store
