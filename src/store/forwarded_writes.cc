#include "store/forwarded_writes.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace rqlite::store {

using command::Origin;
using command::RequestResult;

const ForwardedWrites::Sender* ForwardedWrites::find_sender(const Origin& origin) const {
  const auto found = senders_.find(raft::RaftId(origin.member));
  return found == senders_.end() ? nullptr : &found->second;
}

ForwardedWrites::Sender& ForwardedWrites::sender_of(const Origin& origin) {
  Sender& sender = senders_.at(raft::RaftId(origin.member));
  CHECK(sender.epoch == origin.epoch);
  return sender;
}

ForwardedWrites::Admission ForwardedWrites::look_up(const Origin& origin) const {
  if (origin.number < origin.answered_below) return Admission::kStale;
  const Sender* sender = find_sender(origin);
  if (sender == nullptr || sender->epoch < origin.epoch) return Admission::kNew;
  if (origin.epoch < sender->epoch || origin.number < sender->admitted_below) {
    return Admission::kStale;
  }
  return sender->kept.contains(origin.number) ? Admission::kSeen : Admission::kNew;
}

bool ForwardedWrites::begins_epoch(const Origin& origin) const {
  const Sender* sender = find_sender(origin);
  return sender != nullptr && sender->epoch < origin.epoch && look_up(origin) == Admission::kNew;
}

// Up to where `origin` says that its sender has had answers.
std::uint64_t ForwardedWrites::answered_with(const Origin& origin) const {
  const std::uint64_t window = std::min(limits_.unanswered - 1, origin.number);
  return std::max(origin.answered_below, origin.number - window);
}

ForwardedWrites::Admission ForwardedWrites::admit(const Origin& origin, raft::Index index) {
  const Admission admission = look_up(origin);
  if (admission == Admission::kStale) return admission;
  const auto [at, is_first] = senders_.try_emplace(raft::RaftId(origin.member));
  Sender& sender = at->second;
  if (is_first || sender.epoch < origin.epoch) {
    CHECK(sender.admitted_below == sender.answered_below);
    sender = {};
    sender.epoch = origin.epoch;
    sender.begun = index;
  }
  sender.admitted_below = std::max(sender.admitted_below, answered_with(origin));
  sender.kept.try_emplace(origin.number);
  return admission;
}

void ForwardedWrites::applied(const Origin& origin, raft::Index index,
                              const RequestResult& result) {
  repeated(origin);
  Sender& sender = sender_of(origin);
  Kept& kept = sender.kept.at(origin.number);
  CHECK(kept.record == nullptr);
  const std::size_t left = limits_.bytes - std::min(limits_.bytes, sender.bytes);
  kept.record = record_of(origin, index, result, left);
  sender.bytes += kept.record->size();
  sender.unsaved_bytes += kept.record->size();
}

void ForwardedWrites::repeated(const Origin& origin) {
  drop_below(sender_of(origin), answered_with(origin));
}

void ForwardedWrites::drop_below(Sender& sender, std::uint64_t number) {
  sender.answered_below = std::max(sender.answered_below, number);
  const auto end = sender.kept.lower_bound(number);
  for (auto each = sender.kept.begin(); each != end; each = sender.kept.erase(each)) {
    const std::size_t bytes = each->second.record->size();
    sender.bytes -= bytes;
    if (!each->second.saved) sender.unsaved_bytes -= bytes;
  }
}

OutcomeRecord ForwardedWrites::record_of(const Origin& origin, raft::Index index,
                                         const RequestResult& result,
                                         std::size_t bytes_left) const {
  Bytes encoded = command::encode_result(result);
  Outcome outcome;
  outcome.member = raft::RaftId(origin.member);
  outcome.epoch = origin.epoch;
  outcome.number = origin.number;
  outcome.index = index;
  outcome.key_use = result.key;
  if (encoded.size() <= limits_.result_bytes) {
    outcome.result = encoded;
    OutcomeRecord record = make_record(outcome);
    if (record->size() <= bytes_left) return record;
  }
  RequestResult fact;
  fact.error = "the write was applied; its result was too large to be kept for a second answer";
  encoded = command::encode_result(fact);
  outcome.result = encoded;
  return make_record(outcome);
}

std::optional<ForwardedWrites::Answer> ForwardedWrites::find(const Origin& origin) const {
  const Sender* sender = find_sender(origin);
  if (sender == nullptr || sender->epoch != origin.epoch) return std::nullopt;
  const auto kept = sender->kept.find(origin.number);
  if (kept == sender->kept.end() || kept->second.record == nullptr) return std::nullopt;
  const std::optional<Outcome> outcome = read_record(*kept->second.record);
  CHECK(outcome.has_value());
  std::optional<RequestResult> result = command::decode_result(outcome->result);
  CHECK(result.has_value());
  result->key = outcome->key_use;
  return Answer{outcome->index, std::move(*result)};
}

void ForwardedWrites::members_changed(const IsMember& is_member) {
  std::size_t gone = 0;
  for (auto& [member, sender] : senders_) {
    if (is_member(member)) continue;
    gone++;
    if (sender.kept.empty()) continue;
    // A late copy of what it sent is no write of a member that comes back.
    sender.admitted_below = std::prev(sender.kept.end())->first + 1;
    drop_below(sender, sender.admitted_below);
  }
  for (; gone > limits_.gone; gone--) {
    auto oldest = senders_.end();
    for (auto each = senders_.begin(); each != senders_.end(); ++each) {
      if (is_member(each->first)) continue;
      if (oldest == senders_.end() || each->second.epoch < oldest->second.epoch) oldest = each;
    }
    senders_.erase(oldest);
  }
}

std::vector<SenderPosition> ForwardedWrites::positions() const {
  std::vector<SenderPosition> positions;
  for (const auto& [member, sender] : senders_) {
    CHECK(sender.admitted_below == sender.answered_below);
    positions.push_back({member, sender.epoch, sender.answered_below, sender.begun});
  }
  return positions;
}

std::vector<OutcomeRecord> ForwardedWrites::records() const {
  std::vector<OutcomeRecord> records;
  for (const auto& [member, sender] : senders_) {
    for (const auto& [number, kept] : sender.kept) records.push_back(kept.record);
  }
  return records;
}

std::vector<OutcomeRecord> ForwardedWrites::take_unsaved() {
  std::vector<OutcomeRecord> records;
  for (auto& [member, sender] : senders_) {
    if (sender.unsaved_bytes == 0) continue;
    for (auto& [number, kept] : sender.kept) {
      if (!std::exchange(kept.saved, true)) records.push_back(kept.record);
    }
    sender.unsaved_bytes = 0;
  }
  return records;
}

std::size_t ForwardedWrites::record_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [member, sender] : senders_) bytes += sender.bytes;
  return bytes;
}

std::size_t ForwardedWrites::unsaved_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [member, sender] : senders_) bytes += sender.unsaved_bytes;
  return bytes;
}

void ForwardedWrites::restore(const std::vector<SenderPosition>& positions) {
  senders_.clear();
  for (const SenderPosition& each : positions) {
    Sender& sender = senders_[each.member];
    sender.epoch = each.epoch;
    sender.begun = each.begun;
    sender.admitted_below = sender.answered_below = each.answered_below;
  }
}

void ForwardedWrites::restore(OutcomeRecord record, const Outcome& outcome) {
  const auto found = senders_.find(outcome.member);
  if (found == senders_.end()) return;
  Sender& sender = found->second;
  // Of an epoch before, or of this one from before the member was forgotten; or answered since.
  if (outcome.epoch != sender.epoch || outcome.index < sender.begun) return;
  if (outcome.number < sender.answered_below) return;
  const std::size_t bytes = record->size();
  if (sender.kept.try_emplace(outcome.number, Kept{std::move(record), /*saved=*/true}).second) {
    sender.bytes += bytes;
  }
}

}  // namespace rqlite::store
