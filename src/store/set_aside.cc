#include "store/set_aside.h"

#include "base/log.h"
#include "base/random.h"
#include "sqlite/file_check.h"

namespace rqlite::store {

Status SetAside::take(const std::string& path, command::Replacement& replacement) {
  Status status = prepare(path, replacement);
  if (status.ok()) {
    MutexLock lock(mutex_);
    if (pending_.empty()) remove_leftovers();
    pending_.insert(replacement.file);
    status = files_.rename(path, paths_.set_aside(replacement.file));
    if (!status.ok()) pending_.erase(replacement.file);
  }
  if (!status.ok()) {
    discard(path);
    return status;
  }
  status = files_.sync_directory(paths_.set_aside());
  if (!status.ok()) settled(replacement);
  return status;
}

std::string SetAside::reserve(command::Replacement& replacement) {
  replacement.file = random_from_system();
  MutexLock lock(mutex_);
  pending_.insert(replacement.file);
  return paths_.set_aside(replacement.file);
}

Status SetAside::prepare(const std::string& path, command::Replacement& replacement) {
  RETURN_IF_ERROR(
      sqlite::check_file(files_, path, sqlite::CheckDepth::kIndexes, base_vfs_, extensions_));
  Result<std::unique_ptr<File>> file = files_.open(path, FileSystem::Open::kExisting);
  if (!file.ok()) return file.error();
  // In WAL mode, so that whoever opens it first does not have to write to it.
  constexpr std::uint64_t kFormatVersionsAt = 18;
  RETURN_IF_ERROR((*file)->write(kFormatVersionsAt, BytesView("\x02\x02", 2)));
  RETURN_IF_ERROR((*file)->sync_data_in_pieces());
  const Result<std::uint64_t> size = (*file)->size();
  if (!size.ok()) return size.error();
  replacement = {random_from_system(), *size};
  return {};
}

void SetAside::settled(const command::Replacement& replacement) {
  {
    MutexLock lock(mutex_);
    pending_.erase(replacement.file);
  }
  discard(paths_.set_aside(replacement.file));
}

void SetAside::remove_leftovers() {
  const Result<std::vector<std::string>> left = files_.list(paths_.set_aside());
  if (!left.ok()) return;
  for (const std::string& name : *left) discard(paths_.set_aside() + "/" + name);
}

void SetAside::discard(const std::string& path) {
  if (Status removed = files_.remove(path); !removed.ok()) {
    log("store", "a file that is not needed stays: {}", removed.text());
  }
}

}  // namespace rqlite::store
