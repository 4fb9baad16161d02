#include "sqlite/connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "sqlite/sql_text.h"

namespace rqlite::sqlite {
namespace {

// What nearly every statement is shorter than.
constexpr std::size_t kFirstStatementBytes = 16 << 10;

constexpr int kBusyTimeoutMs = 5000;
constexpr int kWriterCacheKiB = 16 * 1024;
// SQLite's own default, which distributions raise: what one replica takes, all have to.
constexpr int kVariablesMax = 32766;
// The WAL file is cut to this when it restarts after a burst.
constexpr int kWalKeptBytes = 16 << 20;

// SQL functions that clients of old know, for users of SQLite's own that there never are.
int add_user_functions(sqlite3* database) {
  static constexpr std::array<std::pair<const char*, int>, 5> kNames{{{"authenticate", 2},
                                                                      {"auth_user_add", 3},
                                                                      {"auth_user_change", 3},
                                                                      {"auth_user_delete", 1},
                                                                      {"auth_enabled", 0}}};
  int code = SQLITE_OK;
  for (const auto& [name, arguments] : kNames) {
    if (code != SQLITE_OK) break;
    code = sqlite3_create_function(
        database, name, arguments, SQLITE_UTF8, nullptr,
        [](sqlite3_context* context, int, sqlite3_value**) { sqlite3_result_int(context, 0); },
        nullptr, nullptr);
  }
  return code;
}

Connection* self(sqlite3_context* context) {
  return static_cast<Connection*>(sqlite3_user_data(context));
}

// Sets a flag for as long as the scope lasts.
class Scoped {
 public:
  explicit Scoped(bool& flag) : flag_(flag), before_(std::exchange(flag, true)) {}
  ~Scoped() { flag_ = before_; }

 private:
  bool& flag_;
  const bool before_;
};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return lower;
}

bool is_same(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         sqlite3_strnicmp(a.data(), b.data(), static_cast<int>(a.size())) == 0;
}

// PRAGMAs that, even with an argument, only tell something or change the database itself.
bool leaves_session_alone(std::string_view name) {
  for (std::string_view harmless :
       {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo",
        "foreign_key_list", "foreign_key_check", "integrity_check", "quick_check", "user_version",
        "application_id", "optimize", "incremental_vacuum"}) {
    if (is_same(name, harmless)) return true;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open_writer(const std::string& path, EntryVfs& vfs,
                                                            bool foreign_keys,
                                                            const Extensions& extensions) {
  std::unique_ptr<Connection> connection(new Connection());
  connection->vfs_ = &vfs;
  const int code =
      sqlite3_open_v2(path.c_str(), &connection->database_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, vfs.name());
  Error error = connection->error_of(code);
  if (error.ok()) error = connection->set_up(/*writer=*/true, foreign_keys, extensions);
  if (!error.ok()) return status_of(error, "open " + path);
  return connection;
}

Result<std::unique_ptr<Connection>> Connection::open_reader(const std::string& path,
                                                            bool foreign_keys, const char* base_vfs,
                                                            const Extensions& extensions) {
  std::unique_ptr<Connection> connection(new Connection());
  const int code = sqlite3_open_v2(path.c_str(), &connection->database_,
                                   SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, base_vfs);
  Error error = connection->error_of(code);
  if (error.ok()) error = connection->set_up(/*writer=*/false, foreign_keys, extensions);
  if (!error.ok()) return status_of(error, "open " + path);
  return connection;
}

Connection::~Connection() {
  nothing_ = {};
  schema_version_ = {};
  // All statements are gone by now, or the connection lives on as a zombie and leaks its files.
  CHECK(sqlite3_close(database_) == SQLITE_OK);
}

Error Connection::set_up(bool writer, bool foreign_keys, const Extensions& extensions) {
  sqlite3_extended_result_codes(database_, 1);
  sqlite3_busy_timeout(database_, kBusyTimeoutMs);
  // The last one to close must not checkpoint: that is the snapshot's business alone.
  sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_limit(database_, SQLITE_LIMIT_VARIABLE_NUMBER, kVariablesMax);
  // SQL cannot damage the file behind SQLite's back.
  sqlite3_db_config(database_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(database_, SQLITE_DBCONFIG_ENABLE_FKEY, foreign_keys ? 1 : 0, nullptr);
  std::string pragmas = "PRAGMA synchronous=OFF;";
  if (writer) {
    pragmas += fmt::format(
        "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-{};"
        "PRAGMA journal_size_limit={};",
        kWriterCacheKiB, kWalKeptBytes);
  } else {
    // The read opens the WAL and its index: from now on it is those files that this connection
    // reads, whatever takes their names.
    pragmas += "PRAGMA query_only=ON; SELECT 1 FROM sqlite_schema;";
  }
  if (Error error = execute(pragmas); !error.ok()) return error;
  // An extension may have real ones.
  if (const int code = add_user_functions(database_); code != SQLITE_OK) return error_of(code);
  // Before all that is ours, so that no extension can take its place.
  if (Error error = load_extensions(database_, extensions); !error.ok()) return error;
  sqlite3_set_authorizer(
      database_,
      [](void* connection, int action, const char* first, const char* second, const char* schema,
         const char*) {
        return static_cast<Connection*>(connection)->authorize(action, first, second, schema);
      },
      this);
  if (!writer) return {};
  // Setting it replaces autocheckpoint, whose hook it is.
  sqlite3_wal_hook(
      database_,
      [](void* connection, sqlite3*, const char*, int frames) {
        WalPosition& position = static_cast<Connection*>(connection)->wal_position_;
        position.frames = static_cast<std::uint32_t>(frames);
        position.commits++;
        return SQLITE_OK;
      },
      this);
  sqlite3_update_hook(
      database_,
      [](void* connection, int, const char*, const char*, sqlite3_int64) {
        auto* writing = static_cast<Connection*>(connection);
        if (!writing->internal_) writing->random_.note_row();
      },
      this);
  Error error = add_functions();
  std::string_view nothing = "SELECT 1";
  if (error.ok()) nothing_ = prepare(nothing, true, error);
  return error;
}

Connection::WalPosition Connection::wal_position() {
  CHECK(is_autocommit());
  // SQLite tells of a commit only when a statement runs to its end. One that failed may have
  // committed a part of what it did (OR FAIL), which would go unreported.
  Error ignored;
  while (nothing_.step(ignored) == Statement::Step::kRow) {
  }
  nothing_.reset();
  return wal_position_;
}

Error Connection::add_functions() {
  // Not marked deterministic: within a statement they give another value each time.
  int code = sqlite3_create_function(
      database_, "random", 0, SQLITE_UTF8, this,
      [](sqlite3_context* context, int, sqlite3_value**) {
        sqlite3_result_int64(context, static_cast<sqlite3_int64>(self(context)->random_.next()));
      },
      nullptr, nullptr);
  if (code == SQLITE_OK) {
    code = sqlite3_create_function(
        database_, "randomblob", 1, SQLITE_UTF8, this,
        [](sqlite3_context* context, int, sqlite3_value** arguments) {
          const sqlite3_int64 size = std::max<sqlite3_int64>(1, sqlite3_value_int64(arguments[0]));
          if (size > sqlite3_limit(self(context)->database_, SQLITE_LIMIT_LENGTH, -1)) {
            return sqlite3_result_error_toobig(context);
          }
          auto* blob = static_cast<char*>(sqlite3_malloc64(static_cast<sqlite3_uint64>(size)));
          if (blob == nullptr) return sqlite3_result_error_nomem(context);
          for (sqlite3_int64 at = 0; at < size; at += 8) {
            const std::uint64_t bits = self(context)->random_.next();
            std::memcpy(blob + at, &bits,
                        static_cast<std::size_t>(std::min<sqlite3_int64>(8, size - at)));
          }
          sqlite3_result_blob64(context, blob, static_cast<sqlite3_uint64>(size), sqlite3_free);
        },
        nullptr, nullptr);
  }
  if (code == SQLITE_OK) {
    code = sqlite3_create_function(
        database_, "total_changes", 0, SQLITE_UTF8, this,
        [](sqlite3_context* context, int, sqlite3_value**) {
          sqlite3_result_int64(context, self(context)->counters().total_changes);
        },
        nullptr, nullptr);
  }
  return error_of(code);
}

int Connection::authorize(int action, const char* first, const char* second, const char* schema) {
  if (internal_) return SQLITE_OK;
  if (text_only_) return action == SQLITE_PRAGMA ? SQLITE_IGNORE : SQLITE_OK;
  switch (action) {
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      return vacuum_allowed_ ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_TRANSACTION:
      // An extension function may run SQL, but not end the transaction that others share with it.
      // VACUUM has transactions of its own.
      return is_nested() && !vacuum_allowed_ ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_SAVEPOINT:
      return is_nested() && is_same(second, kRequestSavepoint) ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA:
      if (is_forbidden_pragma(first, second != nullptr)) return SQLITE_DENY;
      if (second != nullptr && !leaves_session_alone(first)) session_changed_ = true;
      return SQLITE_OK;
    case SQLITE_CREATE_TEMP_INDEX:
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_VIEW:
      session_changed_ = true;
      return SQLITE_OK;
    case SQLITE_CREATE_VTABLE:
      if (schema != nullptr && std::string_view(schema) == "temp") session_changed_ = true;
      virtual_tables_.insert(lower_case(first));
      virtual_table_written_ = true;
      return SQLITE_OK;
    case SQLITE_DROP_VTABLE:
      virtual_table_written_ = true;
      return SQLITE_OK;
    case SQLITE_ALTER_TABLE:
      virtual_tables_known_ = false;  // it may give one another name
      session_changed_ = true;        // what the planner knows of tables, see below
      return SQLITE_OK;
    case SQLITE_ANALYZE:
      // A connection that has just read the schema may plan otherwise than one that has seen it
      // change, and so give rows in another order: a replica after a restart would be such a one.
      session_changed_ = true;
      return SQLITE_OK;
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
      if (!virtual_tables_.empty() && virtual_tables_.contains(lower_case(first))) {
        virtual_table_written_ = true;
      }
      return SQLITE_OK;
    default:
      return SQLITE_OK;
  }
}

bool Connection::is_nested() const {
  if (stepping_ == nullptr) return false;
  // SQLite prepares a statement anew by itself when it is to make its first step. One that controls
  // the transaction calls nothing.
  switch (shape_of(sqlite3_sql(stepping_)).first) {
    case Keyword::kBegin:
    case Keyword::kCommit:
    case Keyword::kRollback:
    case Keyword::kSavepoint:
    case Keyword::kRelease:
      return false;
    default:
      return true;
  }
}

Error Connection::find_virtual_tables() {
  virtual_tables_known_ = true;  // first, because it prepares statements itself
  const Scoped internal(internal_);
  std::string_view sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage = 0";
  Error error;
  Statement statement = prepare(sql, false, error);
  if (!error.ok()) return error;
  while (statement.step(error) == Statement::Step::kRow) {
    virtual_tables_.insert(lower_case(statement.column(0).bytes));
  }
  return error;
}

bool Connection::take_virtual_table_written() {
  return std::exchange(virtual_table_written_, false);
}

Statement Connection::prepare(std::string_view& sql, bool reused, Error& error) {
  if (!virtual_tables_known_ && vfs_ != nullptr) {
    error = find_virtual_tables();
    if (!error.ok()) return {};
  }
  sqlite3_stmt* statement = nullptr;
  const char* tail = nullptr;
  constexpr std::size_t kLengthMax = 1'000'000'000;
  if (sql.size() > kLengthMax) {
    error = {Fault::kStatement, sqlite3_errstr(SQLITE_TOOBIG)};
    return {};
  }
  // SQLite copies all of a text that does not end with a zero. Of many statements, that would be
  // all the rest for each: so it gets the beginning alone, and more only if the first statement may
  // not have ended in it.
  int code = SQLITE_OK;
  std::size_t bytes = 0;
  do {
    sqlite3_finalize(statement);
    bytes = std::min(sql.size(), std::max(kFirstStatementBytes, bytes * 8));
    code = sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(bytes),
                              reused ? SQLITE_PREPARE_PERSISTENT : 0, &statement, &tail);
  } while (bytes < sql.size() && (code != SQLITE_OK || tail == sql.data() + bytes));
  error = error_of(code);
  if (tail != nullptr) sql.remove_prefix(static_cast<std::size_t>(tail - sql.data()));
  return {this, statement};
}

Error Connection::refresh_schema() { return execute("SELECT 1 FROM sqlite_schema LIMIT 1"); }

Error Connection::execute(std::string_view sql) {
  const Scoped internal(internal_);
  while (!sql.empty()) {
    Error error;
    Statement statement = prepare(sql, false, error);
    if (!error.ok()) return error;
    if (!statement.has_value()) return {};
    while (true) {
      const Statement::Step step = statement.step(error);
      if (step == Statement::Step::kError) return error;
      if (step == Statement::Step::kDone) break;
    }
  }
  return {};
}

bool Connection::is_autocommit() const { return sqlite3_get_autocommit(database_) != 0; }

bool Connection::has_deferred_violations() const {
  int current = 0;
  int unused = 0;
  sqlite3_db_status(database_, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &unused, 0);
  return current != 0;
}

std::int64_t Connection::last_insert_rowid() const { return sqlite3_last_insert_rowid(database_); }

void Connection::set_last_insert_rowid(std::int64_t rowid) {
  sqlite3_set_last_insert_rowid(database_, rowid);
}

std::int64_t Connection::changes() const { return sqlite3_changes64(database_); }

ChangeCounters Connection::counters() const {
  return {last_insert_rowid(), changes(),
          total_changes_before_ + sqlite3_total_changes64(database_)};
}

Error Connection::restore_counters(const ChangeCounters& wanted) {
  CHECK(is_autocommit());
  if (changes() != wanted.changes) {
    // SQLite sets this counter only itself, so a statement has to change so many rows. What it
    // changes is rolled back; the counter stays.
    Error error = execute(fmt::format(
        "BEGIN; CREATE TEMP TABLE restore_changes(x); INSERT INTO restore_changes "
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT {}) "
        "SELECT x FROM c{}; ROLLBACK",
        std::max<std::int64_t>(wanted.changes, 1), wanted.changes == 0 ? " WHERE 0" : ""));
    if (!error.ok()) {
      if (!is_autocommit()) (void)execute("ROLLBACK");
      return error;
    }
  }
  sqlite3_set_last_insert_rowid(database_, wanted.last_insert_rowid);
  total_changes_before_ = wanted.total_changes - sqlite3_total_changes64(database_);
  return {};
}

bool Connection::take_session_changed() { return std::exchange(session_changed_, false); }

bool Connection::foreign_keys() const {
  int on = 0;
  sqlite3_db_config(database_, SQLITE_DBCONFIG_ENABLE_FKEY, -1, &on);
  return on != 0;
}

void Connection::interrupt() { sqlite3_interrupt(database_); }

void Connection::watch(std::function<bool()> expired) {
  expired_ = std::move(expired);
  int (*const ask)(void*) = [](void* self) {
    return static_cast<Connection*>(self)->expired_() ? 1 : 0;
  };
  sqlite3_progress_handler(database_, kWatchSteps, expired_ ? ask : nullptr, this);
}

Result<std::uint64_t> Connection::page_bytes() {
  const Scoped internal(internal_);
  std::string_view sql = "PRAGMA page_size";
  Error error;
  Statement statement = prepare(sql, false, error);
  if (!error.ok() || statement.step(error) != Statement::Step::kRow) {
    return status_of({Fault::kStorage, error.text}, "page size");
  }
  return static_cast<std::uint64_t>(statement.column(0).integer);
}

std::int64_t Connection::schema_version() {
  const Scoped internal(internal_);
  Error error;
  if (!schema_version_.has_value()) {
    std::string_view sql = "PRAGMA schema_version";
    schema_version_ = prepare(sql, true, error);
    if (!error.ok()) return -1;
  }
  const bool read = schema_version_.step(error) == Statement::Step::kRow;
  const std::int64_t version = read ? schema_version_.column(0).integer : -1;
  schema_version_.reset();
  return version;
}

Result<Connection::Checkpoint> Connection::checkpoint_passive() {
  // A conflict clause's ROLLBACK behind a virtual table leaves a read transaction open, which no
  // statement of ours has begun. The next one that reads ends it.
  if (is_autocommit() && sqlite3_txn_state(database_, nullptr) != SQLITE_TXN_NONE) {
    if (const Error error = refresh_schema(); !error.ok()) return status_of(error, "checkpoint");
  }
  Checkpoint result{0, 0};
  const int code = sqlite3_wal_checkpoint_v2(database_, nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                             &result.wal_frames, &result.copied_frames);
  const Error error = error_of(code);
  // A lock that somebody holds is the usual case of not all copied.
  if (!error.ok() && error.fault != Fault::kBusy) return status_of(error, "checkpoint");
  return result;
}

Error Connection::error_of(int code) {
  if (code == SQLITE_OK) return {};
  return sqlite::error_of(database_, code, vfs_ != nullptr && vfs_->take_disk_full());
}

}  // namespace rqlite::sqlite
