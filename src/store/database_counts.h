#pragma once

#include <atomic>
#include <cstdint>

namespace rqlite::store {

// What ran on the database of this node. Statements of requests that may both read and write count
// as such.
struct DatabaseCounts {
  std::uint64_t executions = 0;            // statements that were to write
  std::uint64_t execution_errors = 0;      // of statements that were not reads
  std::uint64_t executions_with_rows = 0;  // RETURNING
  std::uint64_t queries = 0;               // statements that were to read
  std::uint64_t query_errors = 0;
  std::uint64_t requests = 0;  // statements that were to do either
  std::uint64_t execute_transactions = 0;
  std::uint64_t query_transactions = 0;
  std::uint64_t request_transactions = 0;
};

// Their sum since the start. Thread-safe; what is zero costs nothing.
class DatabaseTally {
 public:
  void add(const DatabaseCounts& counts) noexcept {
    add(executions_, counts.executions);
    add(execution_errors_, counts.execution_errors);
    add(executions_with_rows_, counts.executions_with_rows);
    add(queries_, counts.queries);
    add(query_errors_, counts.query_errors);
    add(requests_, counts.requests);
    add(execute_transactions_, counts.execute_transactions);
    add(query_transactions_, counts.query_transactions);
    add(request_transactions_, counts.request_transactions);
  }
  [[nodiscard]] DatabaseCounts read() const noexcept {
    return {executions_,          execution_errors_, executions_with_rows_, queries_,
            query_errors_,        requests_,         execute_transactions_, query_transactions_,
            request_transactions_};
  }

 private:
  using Count = std::atomic<std::uint64_t>;
  static void add(Count& count, std::uint64_t by) noexcept {
    if (by > 0) count.fetch_add(by, std::memory_order_relaxed);
  }

  Count executions_{0};
  Count execution_errors_{0};
  Count executions_with_rows_{0};
  Count queries_{0};
  Count query_errors_{0};
  Count requests_{0};
  Count execute_transactions_{0};
  Count query_transactions_{0};
  Count request_transactions_{0};
};

}  // namespace rqlite::store
