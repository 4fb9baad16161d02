#include "store/request_keys.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace rqlite::store {

using command::RequestResult;

std::optional<RequestResult> RequestKeys::find(BytesView key,
                                               const Fingerprint& fingerprint) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  const Outcome& outcome = found->second->outcome;
  if (outcome.fingerprint != fingerprint) {
    RequestResult reused;
    reused.key = RequestResult::Key::kReused;
    reused.error = "the idempotency key was used for another request";
    return reused;
  }
  std::optional<RequestResult> result = command::decode_result(outcome.result);
  CHECK(result.has_value());
  result->key = RequestResult::Key::kReplayed;
  return result;
}

void RequestKeys::add(BytesView key, const Fingerprint& fingerprint, const RequestResult& result) {
  const Bytes encoded = kept_result(result, limits_.result_bytes);
  Outcome outcome;
  outcome.key = key;
  outcome.fingerprint = fingerprint;
  outcome.result = encoded;
  OutcomeRecord record = make_record(outcome);
  outcome = read_record(*record).value();
  keep({std::move(record), outcome});
  added_++;
}

void RequestKeys::keep(Kept kept) {
  bytes_ += kept.record->size();
  kept_.push_back(std::move(kept));
  by_key_.insert_or_assign(kept_.back().outcome.key, &kept_.back());
  while (kept_.size() > limits_.keys || (bytes_ > limits_.bytes && kept_.size() > 1)) {
    by_key_.erase(kept_.front().outcome.key);
    bytes_ -= kept_.front().record->size();
    evicted_.push_back(std::move(kept_.front()));
    kept_.pop_front();
  }
}

std::vector<OutcomeRecord> RequestKeys::commit() {
  std::vector<OutcomeRecord> records;
  records.reserve(added_);
  // Of very many, the first were evicted by the last. They count all the same: whoever replays the
  // records has to evict what they did.
  const std::size_t left = std::min(added_, kept_.size());
  for (std::size_t i = evicted_.size() - (added_ - left); i < evicted_.size(); i++) {
    records.push_back(evicted_[i].record);
  }
  for (std::size_t i = kept_.size() - left; i < kept_.size(); i++) {
    records.push_back(kept_[i].record);
  }
  added_ = 0;
  evicted_.clear();
  return records;
}

void RequestKeys::roll_back() {
  for (; added_ > 0; added_--) {
    // Of very many, the first were evicted by the last.
    if (kept_.empty()) {
      evicted_.pop_back();
      continue;
    }
    by_key_.erase(kept_.back().outcome.key);
    bytes_ -= kept_.back().record->size();
    kept_.pop_back();
  }
  for (; !evicted_.empty(); evicted_.pop_back()) {
    bytes_ += evicted_.back().record->size();
    kept_.push_front(std::move(evicted_.back()));
    by_key_.insert_or_assign(kept_.front().outcome.key, &kept_.front());
  }
}

std::vector<OutcomeRecord> RequestKeys::records() const {
  CHECK(added_ == 0);
  std::vector<OutcomeRecord> records;
  records.reserve(kept_.size());
  for (const Kept& each : kept_) records.push_back(each.record);
  return records;
}

void RequestKeys::clear() {
  by_key_.clear();
  kept_.clear();
  evicted_.clear();
  bytes_ = added_ = 0;
}

void RequestKeys::restore(OutcomeRecord record, const Outcome& outcome) {
  keep({std::move(record), outcome});
  evicted_.clear();
}

}  // namespace rqlite::store
