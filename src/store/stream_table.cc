#include "store/stream_table.h"

#include <algorithm>

#include "base/check.h"

namespace rqlite::store {
namespace {

constexpr std::size_t kStreamsPerMember = 4;
constexpr std::size_t kStreamsOfStrangers = 64;
constexpr std::size_t kFailuresMax = 10'000;
constexpr std::size_t kFailureBytesMax = 4 << 20;
constexpr std::size_t kResultBytesMax = 64 << 10;

}  // namespace

StreamTable::Admission StreamTable::admit(const command::StreamPlace& place, std::size_t requests,
                                          raft::Index index, const MemberOf& member_of) {
  if (is_late(place, member_of)) return Admission::kLate;
  if (find(place) == nullptr) {
    // It may be the second batch of a stream whose first one got lost on the way.
    if (place.first != place.epoch) return Admission::kEarly;
    Stream& made = nodes_[std::string(place.node_id)][place.epoch];
    made.member = raft::RaftId(place.member);
    made.admitted = made.last = place.first - 1;
    made.failures_from = place.first;
    made.begun = made.used = index;
    forget(member_of);
  }
  Stream& stream = *find(place);
  const std::uint64_t end = place.first + requests;
  if (end <= stream.admitted + 1) return Admission::kSeen;
  if (place.first != stream.admitted + 1) return Admission::kEarly;
  stream.admitted = end - 1;
  stream.used = index;
  return Admission::kNew;
}

StreamTable::Stream* StreamTable::find(const command::StreamPlace& place) {
  const auto node = nodes_.find(place.node_id);
  if (node == nodes_.end()) return nullptr;
  const auto stream = node->second.find(place.epoch);
  return stream == node->second.end() ? nullptr : &stream->second;
}

bool StreamTable::is_late(const command::StreamPlace& place, const MemberOf& member_of) const {
  const raft::RaftId member(place.member);
  const auto node = nodes_.find(place.node_id);
  if (node != nodes_.end()) {
    const auto same = node->second.find(place.epoch);
    const bool has_begun = same != node->second.end();
    for (const auto& [epoch, stream] : node->second) {
      if (has_begun ? stream.begun > same->second.begun
                    : stream.member == member && epoch > place.epoch) {
        return true;
      }
    }
    if (has_begun) return false;
  }
  // Who was replaced cannot begin a stream: it would end that of the new one.
  return member != raft::RaftId() && member_of(place.node_id) != member;
}

std::vector<OutcomeRecord> StreamTable::applied(
    const command::StreamPlace& place, raft::Index index,
    const std::vector<command::RequestResult>& results) {
  std::vector<OutcomeRecord> kept;
  Stream* found = find(place);
  // Newer ones that were admitted since have taken its place.
  if (found == nullptr || found->begun > index) return kept;
  Stream& stream = *found;
  CHECK(stream.last + 1 == place.first);
  stream.last = place.first + results.size() - 1;
  for (std::size_t i = 0; i < results.size(); i++) {
    if (results[i].ok()) continue;
    const Bytes result = kept_result(results[i], kResultBytesMax);
    Outcome outcome;
    outcome.node_id = place.node_id;
    outcome.epoch = place.epoch;
    outcome.number = place.first + i;
    outcome.index = index;
    outcome.result = result;
    kept.push_back(make_record(outcome));
    keep(stream, {outcome.number, kept.back()});
  }
  return kept;
}

void StreamTable::keep(Stream& stream, Failure failure) {
  stream.bytes += failure.record->size();
  stream.failures.push_back(std::move(failure));
  while (stream.failures.size() > kFailuresMax || stream.bytes > kFailureBytesMax) {
    stream.bytes -= stream.failures.front().record->size();
    stream.failures_from = stream.failures.front().number + 1;
    stream.failures.pop_front();
  }
}

void StreamTable::forget(const MemberOf& member_of) {
  // The stream that is used now is the newest, and stays.
  auto oldest = [](Streams& streams) {
    return std::min_element(streams.begin(), streams.end(), [](const auto& a, const auto& b) {
      return a.second.used < b.second.used;
    });
  };
  std::size_t of_strangers = 0;
  for (auto& [node_id, streams] : nodes_) {
    if (!member_of(node_id)) of_strangers += streams.size();
    while (streams.size() > kStreamsPerMember) streams.erase(oldest(streams));
  }
  for (; of_strangers > kStreamsOfStrangers; of_strangers--) {
    auto victim = nodes_.end();
    for (auto node = nodes_.begin(); node != nodes_.end(); ++node) {
      if (member_of(node->first) || node->second.empty()) continue;
      if (victim == nodes_.end() ||
          oldest(node->second)->second.used < oldest(victim->second)->second.used) {
        victim = node;
      }
    }
    if (victim == nodes_.end()) return;
    victim->second.erase(oldest(victim->second));
    if (victim->second.empty()) nodes_.erase(victim);
  }
}

StreamTable::Verdict StreamTable::verdict(const std::string& node_id, std::uint64_t number) const {
  const auto node = nodes_.find(node_id);
  if (node == nodes_.end()) return {};
  auto next = node->second.upper_bound(number);
  if (next == node->second.begin()) return {};
  const Stream& stream = std::prev(next)->second;
  if (number > stream.last || number < stream.failures_from) return {};
  const auto failure =
      std::lower_bound(stream.failures.begin(), stream.failures.end(), number,
                       [](const Failure& each, std::uint64_t of) { return each.number < of; });
  if (failure == stream.failures.end() || failure->number != number) {
    return {Verdict::State::kApplied, {}};
  }
  const std::optional<Outcome> outcome = read_record(*failure->record);
  CHECK(outcome.has_value());
  return {Verdict::State::kFailed, Bytes(outcome->result)};
}

std::vector<StreamPosition> StreamTable::positions() const {
  std::vector<StreamPosition> positions;
  for (const auto& [node_id, streams] : nodes_) {
    for (const auto& [epoch, stream] : streams) {
      CHECK(stream.admitted == stream.last);
      positions.push_back({node_id, stream.member, epoch, stream.last, stream.begun, stream.used,
                           stream.failures_from});
    }
  }
  return positions;
}

std::vector<OutcomeRecord> StreamTable::records() const {
  std::vector<OutcomeRecord> records;
  for (const auto& [node_id, streams] : nodes_) {
    for (const auto& [epoch, stream] : streams) {
      for (const Failure& each : stream.failures) records.push_back(each.record);
    }
  }
  return records;
}

std::size_t StreamTable::record_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [node_id, streams] : nodes_) {
    for (const auto& [epoch, stream] : streams) bytes += stream.bytes;
  }
  return bytes;
}

void StreamTable::restore(const std::vector<StreamPosition>& positions) {
  nodes_.clear();
  for (const StreamPosition& each : positions) {
    Stream& stream = nodes_[each.node_id][each.epoch];
    stream.member = each.member;
    stream.admitted = stream.last = each.last;
    stream.begun = each.begun;
    stream.used = each.used;
    stream.failures_from = each.failures_from;
  }
}

void StreamTable::restore(OutcomeRecord record, const Outcome& outcome) {
  const auto node = nodes_.find(outcome.node_id);
  if (node == nodes_.end()) return;
  const auto stream = node->second.find(outcome.epoch);
  if (stream == node->second.end() || outcome.number < stream->second.failures_from) return;
  // Of an earlier stream of that name, which had been forgotten.
  if (outcome.index < stream->second.begun) return;
  keep(stream->second, {outcome.number, std::move(record)});
}

}  // namespace rqlite::store
