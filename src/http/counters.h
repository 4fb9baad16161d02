#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace rqlite::http {

// What the client API counts by itself.
enum class Counter : std::uint8_t {
  kAuthFail,
  kAuthOk,
  kBackups,
  kBoot,
  kExecuteStatements,
  kExecutions,
  kLeaderNotFound,
  kLoads,
  kQueries,
  kQueryStatements,
  kQueuedExecutions,
  kQueuedExecutionsWait,
  kQueuedExecutionsWaitTimeout,
  kReadyz,
  kRequestStatements,
  kRequests,
  kSqlAnalyze,
  kStatus,
  kTlsCertFetched,
  kUi,
  kUserReaps,
  kUserSnapshots,
};
inline constexpr std::size_t kCounters = static_cast<std::size_t>(Counter::kUserSnapshots) + 1;

// What came of requests at the store, as far as only the client API knows.
enum class StoreCounter : std::uint8_t {
  kBackups,
  kBoots,
  kLoads,
  kUserSnapshots,
  kUserSnapshotsFailed,
};
inline constexpr std::size_t kStoreCounters =
    static_cast<std::size_t>(StoreCounter::kUserSnapshotsFailed) + 1;

// By name.
using Counts = std::map<std::string, std::uint64_t, std::less<>>;

// Counts since the start of the process. Thread-safe.
class Counters {
 public:
  void add(Counter counter, std::uint64_t by = 1) noexcept {
    values_[static_cast<std::size_t>(counter)].fetch_add(by, std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t value(Counter counter) const noexcept {
    return values_[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
  }

  void add(StoreCounter counter) noexcept {
    of_store_[static_cast<std::size_t>(counter)].fetch_add(1, std::memory_order_relaxed);
  }

  // All of the first kind, and all of the second.
  [[nodiscard]] Counts read() const;
  [[nodiscard]] Counts read_store() const;

 private:
  std::array<std::atomic<std::uint64_t>, kCounters> values_{};
  std::array<std::atomic<std::uint64_t>, kStoreCounters> of_store_{};
};

}  // namespace rqlite::http
