#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sqlite/entry_random.h"
#include "sqlite/entry_vfs.h"
#include "sqlite/error.h"
#include "sqlite/extensions.h"
#include "sqlite/statement.h"

struct sqlite3;

namespace rqlite::sqlite {

// What a connection remembers of the changes made through it. SQL can see it, and so can clients
// in their results, so a connection that takes another one's place takes these along.
struct ChangeCounters {
  std::int64_t last_insert_rowid = 0;
  std::int64_t changes = 0;        // of the last statement that could change rows
  std::int64_t total_changes = 0;  // of all

  friend bool operator==(const ChangeCounters&, const ChangeCounters&) = default;
};

// A connection to the database file, set up the way the server needs it: WAL, no syncs of its own,
// no checkpoints but those asked for, no forbidden statements. One thread at a time.
class Connection {
 public:
  // The one connection that writes. Its clock is that of `vfs`, all chance on it comes from
  // seed(). Makes the file if there is none. `vfs` must outlive the connection.
  static Result<std::unique_ptr<Connection>> open_writer(const std::string& path, EntryVfs& vfs,
                                                         bool foreign_keys,
                                                         const Extensions& extensions = {});

  // A connection that only reads. `base_vfs` as in EntryVfs.
  static Result<std::unique_ptr<Connection>> open_reader(const std::string& path, bool foreign_keys,
                                                         const char* base_vfs = nullptr,
                                                         const Extensions& extensions = {});

  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Prepares the first statement of `sql` and moves `sql` behind it. An empty statement is
  // without a value. `reused` hints that it will run many times.
  Statement prepare(std::string_view& sql, bool reused, Error& error);

  // Lets the connection notice what others did to the schema, which it otherwise does when a
  // statement that reads a table runs. Needed before what is_answered_when_prepared().
  Error refresh_schema();

  // Runs all of `sql`, which is ours and not a client's.
  Error execute(std::string_view sql);

  // Whether no transaction is open.
  [[nodiscard]] bool is_autocommit() const;
  // Whether statements so far left foreign keys without a match that the commit will ask for.
  [[nodiscard]] bool has_deferred_violations() const;

  [[nodiscard]] ChangeCounters counters() const;
  // The counters as the last change left them, cheaper than all three.
  [[nodiscard]] std::int64_t last_insert_rowid() const;
  [[nodiscard]] std::int64_t changes() const;
  void set_last_insert_rowid(std::int64_t rowid);
  // Makes the connection answer as one with this past. Precondition: is_autocommit().
  Error restore_counters(const ChangeCounters& counters);

  // Starts an entry's chance: what random() and randomblob() give, and the rowids that SQLite
  // picks at random.
  void seed(std::uint64_t seed) { random_ = EntryRandom(seed); }
  // How far it has come.
  [[nodiscard]] EntryRandom random() const { return random_; }
  void set_random(EntryRandom random) { random_ = random; }

  // Whether a statement since the last call changed what outlives it on this connection alone:
  // a setting, or something temporary.
  bool take_session_changed();
  [[nodiscard]] bool session_changed() const { return session_changed_; }

  // Whether a statement prepared since the last call writes to a virtual table. Such a table may
  // keep changes to itself until the commit, so it shows where transactions began and ended.
  bool take_virtual_table_written();

  // While it lives, statements are prepared for the sake of their text only: nothing is refused,
  // and no PRAGMA does what some do as soon as they are prepared. None of them may be run.
  class TextOnly {
   public:
    explicit TextOnly(Connection& connection) : connection_(connection) {
      connection_.text_only_ = true;
    }
    ~TextOnly() { connection_.text_only_ = false; }
    TextOnly(const TextOnly&) = delete;
    TextOnly& operator=(const TextOnly&) = delete;

   private:
    Connection& connection_;
  };

  // The savepoint of a request that shares a transaction with others: no function that runs SQL by
  // itself may touch it.
  static constexpr std::string_view kRequestSavepoint = "request";

  // VACUUM attaches a file by itself, which is else refused: tell before and after.
  void set_vacuum_allowed(bool allowed) { vacuum_allowed_ = allowed; }

  [[nodiscard]] bool foreign_keys() const;

  // Makes a running statement fail with Fault::kInterrupt. From any thread.
  void interrupt();
  // From now on asks `expired` every now and then while a statement runs, and interrupts it if the
  // answer is yes; null ends that. It is asked after each so many of SQLite's steps, or fewer.
  static constexpr int kWatchSteps = 1000;
  void watch(std::function<bool()> expired);

  // How far the WAL has come by commits on this connection, or on those before it that it took
  // this over from.
  struct WalPosition {
    std::uint32_t frames = 0;   // since the WAL was last restarted
    std::uint64_t commits = 0;  // that wrote any
  };
  // Precondition: is_autocommit().
  WalPosition wal_position();
  void set_wal_position(WalPosition position) { wal_position_ = position; }

  // Of the database file.
  Result<std::uint64_t> page_bytes();

  // Another number whenever somebody changed the main database's schema; -1 if it cannot be read.
  std::int64_t schema_version();

  struct Checkpoint {
    int wal_frames;     // in the WAL
    int copied_frames;  // of these, in the main file too
  };
  // Copies what readers allow from the WAL into the main file, without syncing and without
  // waiting. Precondition: is_autocommit().
  Result<Checkpoint> checkpoint_passive();

  // The error for `code`, which a call on this connection returned.
  Error error_of(int code);

 private:
  friend class Statement;

  Connection() = default;
  Error set_up(bool writer, bool foreign_keys, const Extensions& extensions);
  Error add_functions();
  // SQLite asks before it compiles each action of a statement.
  int authorize(int action, const char* first, const char* second, const char* schema);
  // Whether what is being prepared is the doing of a function that a statement calls.
  [[nodiscard]] bool is_nested() const;
  Error find_virtual_tables();

  sqlite3* database_ = nullptr;
  EntryVfs* vfs_ = nullptr;  // of a writer
  EntryRandom random_;
  std::int64_t total_changes_before_ = 0;  // of connections whose place this one took
  WalPosition wal_position_;
  Statement schema_version_;
  Statement nothing_;  // makes SQLite report commits that are still to be reported
  std::function<bool()> expired_;
  bool text_only_ = false;
  bool internal_ = false;             // a statement of ours runs: nothing is refused
  sqlite3_stmt* stepping_ = nullptr;  // what makes a step just now
  bool vacuum_allowed_ = false;
  bool session_changed_ = false;
  bool virtual_table_written_ = false;
  bool virtual_tables_known_ = false;
  std::set<std::string> virtual_tables_;  // names in lower case; may hold some that are gone
};

}  // namespace rqlite::sqlite
