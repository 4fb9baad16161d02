#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "sqlite/connection.h"
#include "sqlite/entry_vfs.h"
#include "sqlite/statement_cache.h"
#include "store/database_counts.h"

namespace rqlite::store {

// What SQL can see of the writing connection beside the database. Part of the replicated state:
// whoever takes over from a snapshot starts from the same.
struct SessionState {
  sqlite::ChangeCounters counters;
  // What a client set with PRAGMA foreign_keys; the server's own setting until then.
  std::optional<bool> foreign_keys;

  friend bool operator==(const SessionState&, const SessionState&) = default;
};

// The one connection that writes, with its clock, its statements and its session. A setting or a
// temporary table lasts for the request that made it: so what a statement does depends on the
// database, the session's state and the entry alone, on every replica.
//
// Threads: one, the apply thread's, but for counts().
class Writer {
 public:
  struct Options {
    std::string path;           // of the main file
    bool foreign_keys = false;  // as the server was told
    const char* base_vfs = nullptr;
    sqlite::Extensions extensions = {};
  };

  static Result<std::unique_ptr<Writer>> open(const Options& options, const SessionState& state);

  // Closes the connection, so that the files may be exchanged, and opens it again, with `state` in
  // place of the old session. Precondition: no transaction is open. In between nothing else may be
  // called.
  void close();
  Status reopen(const SessionState& state) { return connect(state); }

  // Starts an entry: its time is now, its seed feeds all chance.
  void begin_entry(std::int64_t unix_milliseconds, std::uint64_t seed);

  [[nodiscard]] sqlite::Connection& connection() { return *connection_; }
  [[nodiscard]] sqlite::StatementCache& cache() { return *cache_; }
  [[nodiscard]] bool foreign_keys() const;

  // The session as of now; after a rollback, put_back() makes it that again.
  struct Mark {
    SessionState state;
    sqlite::EntryRandom random;
  };
  [[nodiscard]] Mark mark() const;
  Status put_back(const Mark& mark);

  [[nodiscard]] SessionState state() const;

  // PRAGMA foreign_keys as a statement of its own outlives its request.
  void keep_foreign_keys() { kept_foreign_keys_ = connection_->foreign_keys(); }

  // Ends a request: if it changed the session, a fresh connection takes the old one's place.
  // Precondition: no transaction is open.
  Status end_request();

  // Of requests that ran, and were committed if there was something to commit.
  void count(const DatabaseCounts& counts) noexcept { tally_.add(counts); }
  [[nodiscard]] DatabaseCounts counts() const noexcept { return tally_.read(); }

 private:
  explicit Writer(Options options) : options_(std::move(options)), vfs_(options_.base_vfs) {}
  Status connect(const SessionState& state);

  const Options options_;
  sqlite::EntryVfs vfs_;
  std::unique_ptr<sqlite::Connection> connection_;
  std::unique_ptr<sqlite::StatementCache> cache_;
  std::optional<bool> kept_foreign_keys_;
  DatabaseTally tally_;
};

}  // namespace rqlite::store
