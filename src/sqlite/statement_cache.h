#pragma once

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sqlite/sql_text.h"
#include "sqlite/statement.h"

namespace rqlite::sqlite {

// Prepared statements of one connection by their text, the least recently used one going first.
// Only texts that are a single statement are kept, and of those only what finds its answer when it
// runs. One thread; must not outlive the connection.
class StatementCache {
 public:
  struct Limits {
    std::size_t bytes_max = 8 << 20;        // of all, as far as it can be told from their texts
    std::size_t sql_bytes_max = 16 * 1024;  // of a text that is kept
  };

  // A text and what is known of it. `statement` may be without a value: it is prepared on the
  // first use, and again after it was taken away because it failed to run.
  struct Entry {
    std::string sql;
    SqlShape shape;
    Statement statement;
    bool writes_virtual_table = false;  // known once it ran
    // For whoever wants to know that it took long of late: for how many more runs that is to
    // count, and how many those were.
    int long_runs = 0;
    int long_pause = 0;
  };

  StatementCache() : StatementCache(Limits{}) {}
  explicit StatementCache(Limits limits) : limits_(limits) {}

  // The entry for `sql`, which lives until the next call; null if the text is not one to keep: too
  // long, or answered when it is prepared.
  Entry* find(std::string_view sql);

  // All are prepared anew before they run again.
  void forget_prepared();

  // Drops all statements: the connection is about to close.
  void clear();

 private:
  using Entries = std::list<Entry>;

  // What a statement takes grows with its text; SQLite would tell only of one that is prepared.
  static std::size_t cost(std::string_view sql) { return 2048 + 16 * sql.size(); }

  const Limits limits_;
  std::size_t bytes_ = 0;
  Entries entries_;  // most recently used first
  std::unordered_map<std::string_view, Entries::iterator> by_sql_;
};

}  // namespace rqlite::sqlite
