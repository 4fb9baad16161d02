#include "sqlite/error.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

namespace rqlite::sqlite {
namespace {

Fault fault_of(int code, bool disk_was_full = false) {
  return error_of(nullptr, code, disk_was_full).fault;
}

TEST(ErrorTest, SuccessHasThreeCodes) {
  for (int code : {SQLITE_OK, SQLITE_ROW, SQLITE_DONE})
    EXPECT_TRUE(error_of(nullptr, code, false).ok());
}

TEST(ErrorTest, WhatEveryReplicaMeetsIsTheStatements) {
  for (int code : {SQLITE_ERROR, SQLITE_CONSTRAINT, SQLITE_CONSTRAINT_UNIQUE, SQLITE_MISMATCH,
                   SQLITE_TOOBIG, SQLITE_AUTH, SQLITE_RANGE, SQLITE_LOCKED, SQLITE_CORRUPT_VTAB}) {
    EXPECT_EQ(fault_of(code), Fault::kStatement) << sqlite3_errstr(code);
  }
}

TEST(ErrorTest, WhatThisNodeAloneMeetsIsItsStorages) {
  for (int code : {SQLITE_IOERR, SQLITE_IOERR_FSYNC, SQLITE_IOERR_READ, SQLITE_NOMEM,
                   SQLITE_CORRUPT, SQLITE_CORRUPT_INDEX, SQLITE_NOTADB, SQLITE_CANTOPEN}) {
    EXPECT_EQ(fault_of(code), Fault::kStorage) << sqlite3_errstr(code);
  }
}

TEST(ErrorTest, FullMeansTheDiskOnlyIfItWas) {
  EXPECT_EQ(fault_of(SQLITE_FULL, true), Fault::kDiskFull);
  EXPECT_EQ(fault_of(SQLITE_FULL, false), Fault::kStatement);
  EXPECT_EQ(fault_of(SQLITE_IOERR_WRITE, true), Fault::kDiskFull);
}

TEST(ErrorTest, OthersHaveTheirOwn) {
  EXPECT_EQ(fault_of(SQLITE_INTERRUPT), Fault::kInterrupt);
  EXPECT_EQ(fault_of(SQLITE_READONLY), Fault::kReadOnly);
  EXPECT_EQ(fault_of(SQLITE_BUSY_SNAPSHOT), Fault::kBusy);
}

TEST(ErrorTest, BecomesAStatusThatSaysWhatToDo) {
  EXPECT_TRUE(status_of({}, "open").ok());
  EXPECT_EQ(status_of({Fault::kStorage, "disk I/O error"}, "open"),
            Status(Code::kFailed, "open: disk I/O error"));
  EXPECT_EQ(status_of({Fault::kDiskFull, "x"}, "open"),
            Status(Code::kDiskFull, "open: disk is full"));
  EXPECT_EQ(status_of({Fault::kBusy, "database is locked"}, "open").code(), Code::kUnavailable);
}

}  // namespace
}  // namespace rqlite::sqlite
