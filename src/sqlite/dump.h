#pragma once

#include <span>
#include <string>

#include "base/status.h"
#include "sqlite/connection.h"
#include "sqlite/sql_writer.h"

namespace rqlite::sqlite {

// Writes the main database as SQL text that makes an equal one when it is run in an empty
// database: with `tables`, of the tables only those with exactly these names. Rowids of tables
// without INTEGER PRIMARY KEY are given anew.
//
//   PRAGMA foreign_keys=OFF;
//   BEGIN TRANSACTION;
//   each table, by name in binary order: CREATE TABLE ...; as it was written, and then, in the
//     order in which they are stored, its rows: INSERT INTO "name" VALUES(v,v,...);
//     For sqlite_sequence the first line is DELETE FROM "sqlite_sequence";; and for sqlite_stat1
//     ANALYZE "sqlite_master";; as these cannot be created. Other sqlite_ tables are left out.
//   all indexes, triggers and views, in the order of the schema, whatever `tables` says
//   COMMIT;
//
// Where keeping to this would make a text that cannot be run:
// - sqlite_sequence stands behind all ordinary tables if no AUTOINCREMENT is dumped before it, and
// is left
//   out if there is no such table left: it exists only once such a table was created.
// - A CREATE text that ends in a comment gets its `;` outside of it.
// - Virtual tables come behind the others, as one may be made from an ordinary one; their rows are
//   INSERT INTO "name"(rowid,"a","b") VALUES(...); for the rowid is how others refer to them. Their
//   shadow tables are left out: nobody may write to those but the module, which fills them again
//   from the rows. The sqlite3 shell's way to restore them needs PRAGMA writable_schema, which this
//   server does not allow. So the index of a contentless FTS table is lost. Modules that cannot be
//   written to have no rows here, and one that cannot be read has a comment with the error.
//
// SQLite runs no statement of more than a gigabyte: a row with a blob of half of that can be
// written here, but not run.
//
// Bounds: holds the names and texts of the schema, one row, and SqlWriter::kPieceBytes.
// Consistency: one read transaction, which has ended when this returns.
// Failure: the first status that `sink` returned, or what SQLite said; kUnavailable if interrupted.
// What was not passed on by then is dropped.
// Precondition: connection.is_autocommit().
Status write_dump(Connection& connection, std::span<const std::string> tables,
                  const TextSink& sink);

}  // namespace rqlite::sqlite
