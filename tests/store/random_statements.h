#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "store/machine_fixture.h"

namespace rqlite::store {

// Random SQL that is fond of everything that tells grouped execution from ungrouped: conflict
// clauses, RAISE(ROLLBACK), deferred foreign keys, VACUUM, PRAGMAs, SQL with its own transaction,
// temporary and virtual tables, counters, idempotency keys, writes that members forward again and
// again while they come and go, and statements that fail; and of what tells a read of a unified
// request from a write, and one that does not compile from either.
class RandomStatements {
 public:
  explicit RandomStatements(std::uint64_t seed) : random_(seed) {}

  // The tables, triggers and rows that statement() plays with.
  static TestEntry schema();

  std::string statement();
  TestEntry entry();

 private:
  std::string number(std::uint64_t below) { return std::to_string(random_.below(below)); }
  std::string conflict();
  std::string insert();
  std::string foreign_key();
  std::string control();
  std::string odd();
  std::string read();
  std::string unified();
  command::Origin origin();
  TestEntry entry_of_requests();

  Random random_;
  struct Sender {
    std::uint64_t epoch = 100;
    std::uint64_t number = 0;  // the last one
  };
  Sender senders_[4];
  std::vector<TestEntry> forwarded_;  // so far: they come again
  std::vector<TestRequest> keyed_;    // so far: they come again
};

}  // namespace rqlite::store
