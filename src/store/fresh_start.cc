#include "store/fresh_start.h"

namespace rqlite::store {
namespace {

// Ok if it has been moved already, or never was.
Status move_if_there(FileSystem& files, const std::string& from, const std::string& to) {
  const Result<FileSystem::Kind> kind = files.kind(from);
  if (!kind.ok()) return kind.error();
  return *kind == FileSystem::Kind::kNothing ? Status() : files.rename(from, to);
}

}  // namespace

Status decide_fresh_start(FileSystem& files, const DatabaseFiles& paths) {
  // What an earlier one put away would be in the way. Nobody needs it: the node has been a member
  // since.
  RETURN_IF_ERROR(forget_put_away(files, paths));
  return files.replace_file(paths.fresh_start(), {});
}

Result<bool> make_fresh_start(FileSystem& files, const DatabaseFiles& paths) {
  const Result<bool> decided = files.exists(paths.fresh_start());
  if (!decided.ok()) return decided.error();
  if (!*decided) return false;
  const DatabaseFiles away(paths.put_away());
  auto put_away = [&]() -> Status {
    RETURN_IF_ERROR(files.make_directories(away.directory));
    RETURN_IF_ERROR(files.sync_directory(paths.directory));
    // The database first, for without the log and the rest of what is in that folder a database
    // that stays behind would be of nobody.
    RETURN_IF_ERROR(move_if_there(files, paths.main(), away.main()));
    RETURN_IF_ERROR(files.remove(paths.wal()));
    RETURN_IF_ERROR(files.remove(paths.shm()));
    RETURN_IF_ERROR(files.remove_all(paths.set_aside()));
    RETURN_IF_ERROR(move_if_there(files, paths.raft(), away.raft()));
    RETURN_IF_ERROR(files.sync_directory(away.directory));
    RETURN_IF_ERROR(files.sync_directory(paths.directory));
    RETURN_IF_ERROR(files.remove(paths.fresh_start()));
    return files.sync_directory(paths.directory);
  };
  if (Status status = put_away(); !status.ok()) return status;
  return true;
}

Result<bool> has_put_away(FileSystem& files, const DatabaseFiles& paths) {
  const Result<FileSystem::Kind> kind = files.kind(paths.put_away());
  if (!kind.ok()) return kind.error();
  return *kind != FileSystem::Kind::kNothing;
}

Status forget_put_away(FileSystem& files, const DatabaseFiles& paths) {
  const Result<bool> there = has_put_away(files, paths);
  if (!there.ok()) return there.error();
  if (!*there) return {};
  RETURN_IF_ERROR(files.remove_all(paths.put_away()));
  return files.sync_directory(paths.directory);
}

}  // namespace rqlite::store
