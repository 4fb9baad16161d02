#include "http/counters.h"

#include <string_view>

namespace rqlite::http {
namespace {

// In the order of Counter.
constexpr std::array<std::string_view, kCounters> kNames = {
    "auth_fail",
    "auth_ok",
    "backups",
    "boot",
    "execute_stmts_rx",
    "executions",
    "leader_not_found",
    "loads",
    "queries",
    "query_stmts_rx",
    "queued_executions",
    "queued_executions_wait",
    "queued_executions_wait_timeout",
    "num_readyz",
    "request_stmts_rx",
    "requests",
    "sql_analyze",
    "num_status",
    "tls_cert_fetched",
    "ui",
    "user_reaps",
    "user_snapshots",
};

// In the order of StoreCounter.
constexpr std::array<std::string_view, kStoreCounters> kStoreNames = {
    "num_backups", "num_boots", "num_loads", "num_user_snapshots", "num_user_snapshots_failed",
};

}  // namespace

Counts Counters::read() const {
  Counts counts;
  for (std::size_t i = 0; i < kCounters; i++) {
    counts.emplace(kNames[i], values_[i].load(std::memory_order_relaxed));
  }
  return counts;
}

Counts Counters::read_store() const {
  Counts counts;
  for (std::size_t i = 0; i < kStoreCounters; i++) {
    counts.emplace(kStoreNames[i], of_store_[i].load(std::memory_order_relaxed));
  }
  return counts;
}

}  // namespace rqlite::http
