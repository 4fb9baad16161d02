#include "store/set_aside.h"

#include <charconv>
#include <system_error>

#include "base/log.h"
#include "base/random.h"
#include "sqlite/file_check.h"

namespace rqlite::store {

Status SetAside::take(const std::string& path, command::Replacement& replacement) {
  Status status = prepare(path, replacement);
  if (status.ok()) {
    MutexLock lock(mutex_);
    pending_.insert(replacement.file);
    taken_.insert(replacement.file);
    status = files_.rename(path, paths_.set_aside(replacement.file));
    if (!status.ok()) forget(replacement.file);
  }
  if (!status.ok()) {
    discard(path);
    return status;
  }
  status = files_.sync_directory(paths_.set_aside());
  if (!status.ok()) settled(replacement.file);
  return status;
}

Status SetAside::write(std::uint64_t file, std::uint64_t offset, BytesView bytes) {
  {
    MutexLock lock(mutex_);
    if (taken_.contains(file)) return {};
    pending_.insert(file);
    old_.erase(file);
  }
  // Opened for each piece: once the file has taken the database's place, nobody may still close it,
  // which would give up SQLite's locks.
  using Open = FileSystem::Open;
  Result<std::unique_ptr<File>> opened =
      files_.open(paths_.set_aside(file), offset == 0 ? Open::kCreateOrTruncate : Open::kExisting);
  if (!opened.ok()) return opened.error();
  if (offset == 0) RETURN_IF_ERROR(files_.sync_directory(paths_.set_aside()));
  RETURN_IF_ERROR((*opened)->write(offset, bytes));
  return (*opened)->sync_data();
}

void SetAside::expect(std::uint64_t file) {
  MutexLock lock(mutex_);
  pending_.insert(file);
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

void SetAside::settled(std::uint64_t file) {
  {
    MutexLock lock(mutex_);
    forget(file);
  }
  discard(paths_.set_aside(file));
}

void SetAside::forget(std::uint64_t file) {
  pending_.erase(file);
  taken_.erase(file);
}

void SetAside::let_go(std::uint64_t file) {
  MutexLock lock(mutex_);
  forget(file);
  old_.insert(file);
}

void SetAside::let_go_of_leftovers() {
  const Result<std::vector<std::string>> left = files_.list(paths_.set_aside());
  if (!left.ok()) return;
  MutexLock lock(mutex_);
  for (const std::string& name : *left) {
    std::uint64_t file = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), file);
    if (parsed.ec == std::errc() && !pending_.contains(file)) old_.insert(file);
  }
}

void SetAside::remove_old(const std::optional<IncomingFile>& in_snapshot,
                          const std::optional<IncomingFile>& now) {
  std::vector<std::uint64_t> removed;
  {
    MutexLock lock(mutex_);
    std::erase_if(old_, [&](std::uint64_t file) {
      if (in_snapshot && in_snapshot->file == file) return false;
      if (now && now->file == file) return false;
      removed.push_back(file);
      return true;
    });
  }
  for (const std::uint64_t file : removed) discard(paths_.set_aside(file));
}

void SetAside::discard(const std::string& path) {
  if (Status removed = files_.remove(path); !removed.ok()) {
    log("store", "a file that is not needed stays: {}", removed.text());
  }
}

}  // namespace rqlite::store
