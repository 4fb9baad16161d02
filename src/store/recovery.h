#pragma once

#include "base/file_system.h"
#include "base/slot_file.h"
#include "store/database_files.h"
#include "store/snapshot_record.h"

namespace rqlite::store {

// Makes the main file the database at the index of the last snapshot, whatever the last run left:
// finishes a snapshot whose intent was durable, and removes the WAL, whose content the log has.
//
// `slot` holds the snapshot record and is changed only by finishing. No connection may be open.
// Returns the record, complete. kFailed, with what to do, if the files do not fit it.
Result<SnapshotRecord> recover_database(FileSystem& files, const DatabaseFiles& paths,
                                        SlotFile& slot, const char* base_vfs);

// Moves the file that was put aside under `number` to where the main file is, if it has not been,
// and removes the old one's WAL, durably. No connection may be open.
Status put_in_place(FileSystem& files, const DatabaseFiles& paths, std::uint64_t number);

}  // namespace rqlite::store
