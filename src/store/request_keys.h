#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "command/result.h"
#include "store/outcome.h"

namespace rqlite::store {

// The idempotency keys of the newest requests that had one, with what came of each: a request
// whose key is here is not executed again.
//
// Part of the replicated state: every member's changes alike with every entry, however it groups
// them. The newest 100,000 keys are kept, as long as their records take at most 64 MiB. Not
// thread-safe.
class RequestKeys {
 public:
  struct Limits {
    std::size_t keys = 100'000;
    std::size_t bytes = 64 << 20;
    std::size_t result_bytes = 1 << 20;  // of one result; of a larger one only the fact is kept
  };

  RequestKeys() : RequestKeys(Limits{}) {}
  explicit RequestKeys(Limits limits) : limits_(limits) {}

  // What a request with `key` is to answer without being executed; nullopt: it is to be executed.
  [[nodiscard]] std::optional<command::RequestResult> find(BytesView key,
                                                           const Fingerprint& fingerprint) const;

  // A request with `key`, which find() did not know, was executed. May be undone until commit().
  void add(BytesView key, const Fingerprint& fingerprint, const command::RequestResult& result);

  // What was added since the last commit() is stored; returns its records.
  std::vector<OutcomeRecord> commit();
  // It is not: everything is as after the last commit().
  void roll_back();

  // All records, oldest first. Precondition: nothing was added since the last commit().
  [[nodiscard]] std::vector<OutcomeRecord> records() const;
  [[nodiscard]] std::size_t record_bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return kept_.size(); }

  // Forgets all.
  void clear();
  // Puts back what records() gave, one by one.
  void restore(OutcomeRecord record, const Outcome& outcome);

 private:
  struct Kept {
    OutcomeRecord record;
    Outcome outcome;  // views into the record
  };
  void keep(Kept kept);

  const Limits limits_;
  std::deque<Kept> kept_;                              // oldest first
  std::unordered_map<BytesView, const Kept*> by_key_;  // of kept_, whose elements stay put
  std::size_t bytes_ = 0;                              // of their records
  std::size_t added_ = 0;                              // since the last commit()
  std::vector<Kept> evicted_;                          // likewise, in order
};

}  // namespace rqlite::store
