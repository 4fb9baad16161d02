#include "store/recovery.h"

#include <fmt/format.h>

#include "base/log.h"
#include "raft/log_recovery.h"
#include "sqlite/connection.h"
#include "sqlite/entry_vfs.h"
#include "sqlite/file_check.h"

namespace rqlite::store {
namespace {

Status damaged(const std::string& what) {
  return {Code::kFailed,
          fmt::format("{}. The database is damaged or not this node's, so the node does not start. "
                      "{}",
                      what, raft::kDataIsOfNoUse)};
}

Status remove_wal(FileSystem& files, const DatabaseFiles& paths) {
  RETURN_IF_ERROR(files.remove(paths.wal()));
  RETURN_IF_ERROR(files.remove(paths.shm()));
  return files.sync_directory(paths.directory);
}

// Cuts the WAL to what the intent counts. What follows was written later and may be torn.
Status cut_wal(FileSystem& files, const DatabaseFiles& paths, const SnapshotRecord& intent) {
  Result<std::unique_ptr<File>> wal = files.open(paths.wal(), FileSystem::Open::kExisting);
  if (!wal.ok()) return damaged(wal.error().text());
  Bytes header(kWalHeaderBytes, '\0');
  Result<std::size_t> got = (*wal)->read(0, header.data(), header.size());
  if (!got.ok()) return got.error();
  Result<std::uint64_t> size = (*wal)->size();
  if (!size.ok()) return size.error();
  if (*size < intent.wal_bytes || header != intent.wal_header) {
    return damaged(paths.wal() + " does not hold what the snapshot in progress needs");
  }
  RETURN_IF_ERROR((*wal)->truncate(intent.wal_bytes));
  return (*wal)->sync_data();
}

// Lets SQLite copy all of the WAL into the main file.
Status copy_wal(const DatabaseFiles& paths, const SnapshotRecord& intent, const char* base_vfs) {
  sqlite::EntryVfs vfs(base_vfs);
  Result<std::unique_ptr<sqlite::Connection>> connection =
      sqlite::Connection::open_writer(paths.main(), vfs, false);
  if (!connection.ok()) return connection.error();
  Result<std::uint64_t> page_bytes = (*connection)->page_bytes();
  if (!page_bytes.ok()) return page_bytes.error();
  Result<sqlite::Connection::Checkpoint> done = (*connection)->checkpoint_passive();
  if (!done.ok()) return done.error();
  const auto frames = static_cast<std::uint64_t>(done->wal_frames);
  if (done->copied_frames != done->wal_frames ||
      wal_bytes(frames, *page_bytes) != intent.wal_bytes) {
    return damaged(fmt::format("{} has {} intact frames, which is not what the snapshot needs",
                               paths.wal(), frames));
  }
  return {};
}

}  // namespace

Status put_in_place(FileSystem& files, const DatabaseFiles& paths, std::uint64_t number) {
  const std::string aside = paths.set_aside(number);
  Result<bool> exists = files.exists(aside);
  if (!exists.ok()) return exists.error();
  // If it is not there any more, it has been moved.
  if (*exists) RETURN_IF_ERROR(files.rename(aside, paths.main()));
  RETURN_IF_ERROR(files.sync_directory(paths.set_aside()));
  return remove_wal(files, paths);
}

Result<SnapshotRecord> recover_database(FileSystem& files, const DatabaseFiles& paths,
                                        SlotFile& slot, const char* base_vfs) {
  std::optional<SnapshotRecord> record = decode_snapshot_record(slot.value());
  if (!record) return damaged(paths.snapshot() + " cannot be read");
  if (record->phase == SnapshotRecord::Phase::kIntent) {
    log("snapshot", "finishing the snapshot at {} that was in progress", record->index.to_string());
    // A shared-memory file of the last run would say more than the cut WAL holds.
    if (Status status = files.remove(paths.shm()); !status.ok()) return status;
    if (Status status = cut_wal(files, paths, *record); !status.ok()) return status;
    if (Status status = copy_wal(paths, *record, base_vfs); !status.ok()) return status;
    Result<std::unique_ptr<File>> main = files.open(paths.main(), FileSystem::Open::kExisting);
    if (!main.ok()) return main.error();
    if (Status status = (*main)->sync_data(); !status.ok()) return status;
    record->phase = SnapshotRecord::Phase::kComplete;
    record->wal_bytes = 0;
    record->wal_header.clear();
    if (Status status = slot.replace(encode_snapshot_record(*record)); !status.ok()) return status;
  }
  if (record->phase == SnapshotRecord::Phase::kReplace) {
    log("snapshot", "replacing the database, as was decided at {}", record->index.to_string());
    if (Status status = put_in_place(files, paths, record->replacement); !status.ok()) {
      return status;
    }
    record->phase = SnapshotRecord::Phase::kComplete;
    record->replacement = 0;
    if (Status status = slot.replace(encode_snapshot_record(*record)); !status.ok()) return status;
  }
  if (Status status = remove_wal(files, paths); !status.ok()) return status;
  if (record->index <= raft::Index(1)) {
    // No entry of a client is in it yet. It may be half made: it is made again.
    if (Status status = files.remove(paths.main()); !status.ok()) return status;
  } else {
    Result<bool> exists = files.exists(paths.main());
    if (!exists.ok()) return exists.error();
    if (!*exists) return damaged(paths.main() + " is missing");
    // SQLite would take pages behind the end of the file for zeros.
    const Status sound = sqlite::check_file(files, paths.main(), sqlite::CheckDepth::kHeader);
    if (sound.code() == Code::kInvalid) return damaged(paths.main() + ": " + sound.text());
    RETURN_IF_ERROR(sound);
  }
  return std::move(*record);
}

}  // namespace rqlite::store
