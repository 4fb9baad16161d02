#pragma once

#include <string>

#include "base/status.h"

struct sqlite3;

namespace rqlite::sqlite {

// Whose error it is when SQLite says no.
enum class Fault {
  kNone,
  kStatement,  // the statement's: every replica meets it alike
  kReadOnly,   // the statement's: it would write through a connection that only reads
  kInterrupt,  // it was interrupted from outside
  kBusy,       // a lock that another connection holds
  kDiskFull,   // this node's: no room
  kStorage,    // this node's: input/output, memory, or a damaged file
};

struct Error {
  Fault fault = Fault::kNone;
  std::string text;  // SQLite's own, without code or prefix
  // A constraint was violated: whatever the statement had changed before is undone, unless it said
  // otherwise (OR FAIL). Other errors of a statement that runs inside a transaction may leave a
  // part of it there (a second row of the wrong type for a STRICT table).
  bool is_constraint = false;

  [[nodiscard]] bool ok() const { return fault == Fault::kNone; }
};

// The one place where SQLite's codes become ours: `code` is what a call on `database` returned.
// `disk_was_full` tells whether a write met a full disk; SQLITE_FULL alone can also mean that a
// table has no rowid left, which is the statement's own fault.
Error error_of(sqlite3* database, int code, bool disk_was_full);

// For operations of ours, which no statement of a client can make fail.
Status status_of(const Error& error, const std::string& what);

}  // namespace rqlite::sqlite
