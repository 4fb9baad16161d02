#include "sqlite/error.h"

#include <sqlite3.h>

#include <cerrno>

namespace rqlite::sqlite {
namespace {

Fault fault_of(int extended, int system_error, bool disk_was_full) {
  if (extended == SQLITE_CORRUPT_VTAB) return Fault::kStatement;  // of a client's shadow tables
  switch (extended & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return Fault::kNone;
    case SQLITE_INTERRUPT:
      return Fault::kInterrupt;
    case SQLITE_READONLY:
      return Fault::kReadOnly;
    case SQLITE_BUSY:
      return Fault::kBusy;
    case SQLITE_FULL:
      return disk_was_full ? Fault::kDiskFull : Fault::kStatement;
    case SQLITE_IOERR:
      return disk_was_full || system_error == ENOSPC ? Fault::kDiskFull : Fault::kStorage;
    case SQLITE_NOMEM:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
    case SQLITE_NOLFS:
      return Fault::kStorage;
    default:
      return Fault::kStatement;
  }
}

}  // namespace

Error error_of(sqlite3* database, int code, bool disk_was_full) {
  const int primary = code & 0xff;
  if (primary == SQLITE_OK || primary == SQLITE_ROW || primary == SQLITE_DONE) return {};
  const int extended = database != nullptr ? sqlite3_extended_errcode(database) : code;
  const int system_error = database != nullptr ? sqlite3_system_errno(database) : 0;
  const int known = (extended & 0xff) == primary ? extended : code;
  return {fault_of(known, system_error, disk_was_full),
          database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code),
          primary == SQLITE_CONSTRAINT && known != SQLITE_CONSTRAINT_DATATYPE};
}

Status status_of(const Error& error, const std::string& what) {
  switch (error.fault) {
    case Fault::kNone:
      return {};
    case Fault::kInterrupt:
    case Fault::kBusy:
      return {Code::kUnavailable, what + ": " + error.text};
    case Fault::kDiskFull:
      return {Code::kDiskFull, what + ": disk is full"};
    case Fault::kStatement:
    case Fault::kReadOnly:
    case Fault::kStorage:
      return {Code::kFailed, what + ": " + error.text};
  }
  return {Code::kFailed, what};
}

}  // namespace rqlite::sqlite
