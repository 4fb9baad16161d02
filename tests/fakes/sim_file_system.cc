#include "fakes/sim_file_system.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace rqlite {

// Writes smaller than this reach the disk whole or not at all.
constexpr std::size_t kSectorBytes = 512;

class SimFile final : public File {
 public:
  SimFile(SimFileSystem& system, std::string path, std::shared_ptr<SimFileSystem::Inode> inode)
      : system_(system), path_(std::move(path)), inode_(std::move(inode)) {}

  Result<std::size_t> read(std::uint64_t offset, char* to, std::size_t size) override {
    MutexLock lock(system_.mutex_);
    const Bytes& content = inode_->now;
    if (offset >= content.size()) return std::size_t{0};
    const std::size_t n = std::min<std::size_t>(size, content.size() - offset);
    std::memcpy(to, content.data() + offset, n);
    return n;
  }

  using File::write;
  Status write(std::uint64_t offset, std::span<const iovec> parts) override {
    Bytes bytes;
    for (const iovec& part : parts) bytes.append(static_cast<char*>(part.iov_base), part.iov_len);
    MutexLock lock(system_.mutex_);
    const Status status = system_.step("write " + path_, false);
    if (!status.ok() && system_.was_frozen()) return status;
    if (!status.ok()) bytes.resize(bytes.size() / 2);
    RETURN_IF_ERROR(system_.grow(*inode_, offset + bytes.size(), "write " + path_));
    SimFileSystem::put(inode_->now, offset, bytes);
    inode_->changed = system_.time_;
    inode_->unsynced.push_back({offset, std::move(bytes), std::nullopt});
    return status;
  }

  Status reserve(std::uint64_t size) override {
    MutexLock lock(system_.mutex_);
    RETURN_IF_ERROR(system_.step("reserve " + path_, false));
    RETURN_IF_ERROR(system_.grow(*inode_, size, "reserve " + path_));
    if (inode_->now.size() >= size) return {};
    inode_->now.resize(size, '\0');
    inode_->changed = system_.time_;
    inode_->unsynced.push_back({0, {}, size});
    return {};
  }

  Status truncate(std::uint64_t size) override {
    MutexLock lock(system_.mutex_);
    RETURN_IF_ERROR(system_.step("truncate " + path_, false));
    inode_->now.resize(size, '\0');
    inode_->changed = system_.time_;
    inode_->unsynced.push_back({0, {}, size});
    return {};
  }

  Result<std::uint64_t> size() override {
    MutexLock lock(system_.mutex_);
    return static_cast<std::uint64_t>(inode_->now.size());
  }

  Status sync_data() override {
    MutexLock lock(system_.mutex_);
    RETURN_IF_ERROR(system_.step("fdatasync " + path_, true));
    inode_->durable = inode_->now;
    inode_->unsynced.clear();
    return {};
  }

 private:
  SimFileSystem& system_;
  const std::string path_;
  const std::shared_ptr<SimFileSystem::Inode> inode_;
};

SimFileSystem::SimFileSystem() { directories_.insert("/"); }

void SimFileSystem::put(Bytes& content, std::uint64_t offset, BytesView bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size(), '\0');
  content.replace(offset, bytes.size(), bytes);
}

void SimFileSystem::lose_power(Inode& inode, Random& random) {
  // Some crashes lose everything, some nothing, most something.
  const double kept = static_cast<double>(random.below(5)) / 4;
  for (const Write& write : inode.unsynced) {
    if (write.truncate_to) {
      if (random.chance(kept)) inode.durable.resize(*write.truncate_to, '\0');
      continue;
    }
    for (std::size_t at = 0; at < write.bytes.size();) {
      // Sectors are aligned in the file.
      const std::size_t room = kSectorBytes - (write.offset + at) % kSectorBytes;
      const std::size_t size = std::min(room, write.bytes.size() - at);
      if (random.chance(kept)) {
        put(inode.durable, write.offset + at, BytesView(write.bytes).substr(at, size));
      }
      at += size;
    }
  }
  inode.unsynced.clear();
  inode.now = inode.durable;
}

void SimFileSystem::crash(Crash kind, Random& random) {
  MutexLock lock(mutex_);
  frozen_from_.reset();
  fail_at_.reset();
  syncs_to_failure_.reset();
  if (kind == Crash::kProcess) return;
  // File systems keep the order of changes to names; how far they got is anybody's guess.
  const std::size_t kept = random.below(unsynced_names_.size() + 1);
  for (std::size_t i = 0; i < kept; i++) unsynced_names_[i].apply(durable_);
  unsynced_names_.clear();
  std::set<Inode*> done;
  for (auto& [path, inode] : durable_) {
    if (done.insert(inode.get()).second) lose_power(*inode, random);
  }
  now_ = durable_;
}

void SimFileSystem::freeze_after(std::uint64_t count) {
  MutexLock lock(mutex_);
  frozen_from_ = operations_ + count;
}

void SimFileSystem::fail_after(std::uint64_t count, int error) {
  MutexLock lock(mutex_);
  fail_at_ = operations_ + count;
  fail_with_ = error;
}

void SimFileSystem::fail_sync_after(std::uint64_t count) {
  MutexLock lock(mutex_);
  syncs_to_failure_ = count;
}

std::uint64_t SimFileSystem::operations() {
  MutexLock lock(mutex_);
  return operations_;
}

void SimFileSystem::set_time(WallTime now) {
  MutexLock lock(mutex_);
  time_ = now;
}

void SimFileSystem::set_capacity(std::optional<std::uint64_t> bytes) {
  MutexLock lock(mutex_);
  capacity_ = bytes;
}

std::uint64_t SimFileSystem::used_bytes() {
  MutexLock lock(mutex_);
  return used();
}

Status SimFileSystem::step(const std::string& what, bool is_sync) {
  const std::uint64_t number = operations_++;
  if (frozen_from_ && number >= *frozen_from_) return status_from_errno(what, EIO);
  if (fail_at_ && number == *fail_at_) return status_from_errno(what, fail_with_);
  if (is_sync && syncs_to_failure_) {
    if (*syncs_to_failure_ == 0) {
      syncs_to_failure_.reset();
      return status_from_errno(what, EIO);
    }
    --*syncs_to_failure_;
  }
  return {};
}

std::uint64_t SimFileSystem::used() const {
  std::uint64_t total = 0;
  for (const auto& [path, inode] : now_) total += inode->now.size();
  return total;
}

Status SimFileSystem::grow(const Inode& inode, std::uint64_t size, const std::string& what) {
  if (!capacity_ || size <= inode.now.size()) return {};
  if (used() + (size - inode.now.size()) <= *capacity_) return {};
  return status_from_errno(what, ENOSPC);
}

bool SimFileSystem::was_frozen() const { return frozen_from_ && operations_ > *frozen_from_ + 1; }

void SimFileSystem::NameChange::apply(Names& names) const {
  if (inode) {
    names[path] = inode;
  } else {
    names.erase(path);
  }
  if (!old_path.empty()) names.erase(old_path);
}

void SimFileSystem::change_name(NameChange change) {
  change.apply(now_);
  unsynced_names_.push_back(std::move(change));
}

Result<std::unique_ptr<File>> SimFileSystem::open(const std::string& path, Open how) {
  MutexLock lock(mutex_);
  const auto found = now_.find(path);
  std::shared_ptr<Inode> inode;
  if (how == Open::kCreateOrTruncate) {
    if (Status status = step("create " + path, false); !status.ok()) return status;
    if (!directories_.contains(parent_directory(path))) {
      return status_from_errno("open " + path, ENOENT);
    }
    if (found != now_.end()) {
      inode = found->second;
      inode->now.clear();
      inode->unsynced.push_back({0, {}, 0});
    } else {
      inode = std::make_shared<Inode>();
      inode->number = ++inodes_;
      change_name({path, inode, ""});
    }
    inode->changed = time_;
  } else {
    if (found == now_.end()) return status_from_errno("open " + path, ENOENT);
    inode = found->second;
  }
  return std::unique_ptr<File>(std::make_unique<SimFile>(*this, path, std::move(inode)));
}

Result<bool> SimFileSystem::exists(const std::string& path) {
  MutexLock lock(mutex_);
  return now_.contains(path) || directories_.contains(path);
}

Result<FileStamp> SimFileSystem::stamp(const std::string& path) {
  MutexLock lock(mutex_);
  const auto found = now_.find(path);
  if (found == now_.end()) return status_from_errno("stat " + path, ENOENT);
  const Inode& inode = *found->second;
  return FileStamp{1, inode.number, inode.now.size(), inode.changed, inode.changed};
}

Result<FileSystem::Kind> SimFileSystem::kind(const std::string& path) {
  MutexLock lock(mutex_);
  if (now_.contains(path)) return Kind::kFile;
  return directories_.contains(path) ? Kind::kDirectory : Kind::kNothing;
}

Result<std::vector<std::string>> SimFileSystem::list(const std::string& directory) {
  MutexLock lock(mutex_);
  if (!directories_.contains(directory)) return status_from_errno("open " + directory, ENOENT);
  std::vector<std::string> names;
  for (const auto& [path, inode] : now_) {
    if (parent_directory(path) == directory) names.push_back(path.substr(directory.size() + 1));
  }
  return names;  // a map's order is sorted
}

Status SimFileSystem::make_directories(const std::string& path) {
  MutexLock lock(mutex_);
  for (std::string each = path; each != "/"; each = parent_directory(each)) {
    directories_.insert(each);
  }
  return {};
}

Status SimFileSystem::rename(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(step("rename " + from, false));
  if (directories_.contains(from)) return rename_directory(from, to);
  const auto found = now_.find(from);
  if (found == now_.end()) return status_from_errno("rename " + from, ENOENT);
  change_name({to, found->second, from});
  return {};
}

// File by file, for nothing that has to survive a loss of power as a whole.
Status SimFileSystem::rename_directory(const std::string& from, const std::string& to) {
  if (directories_.contains(to)) return status_from_errno("rename " + from, ENOTEMPTY);
  directories_.erase(from);
  directories_.insert(to);
  std::vector<std::string> inside;
  for (const auto& [path, inode] : now_) {
    if (path.starts_with(from + "/")) inside.push_back(path);
  }
  for (const std::string& path : inside) {
    change_name({to + path.substr(from.size()), now_.at(path), path});
  }
  return {};
}

Status SimFileSystem::remove(const std::string& path) {
  MutexLock lock(mutex_);
  if (!now_.contains(path)) return {};
  RETURN_IF_ERROR(step("remove " + path, false));
  change_name({path, nullptr, ""});
  return {};
}

Status SimFileSystem::remove_all(const std::string& path) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(step("remove " + path, false));
  const auto is_in_it = [&path](const std::string& each) {
    return each == path || each.starts_with(path + "/");
  };
  std::vector<std::string> gone;
  for (const auto& [each, inode] : now_) {
    if (is_in_it(each)) gone.push_back(each);
  }
  for (std::string& each : gone) change_name({std::move(each), nullptr, ""});
  std::erase_if(directories_, is_in_it);
  return {};
}

Status SimFileSystem::sync_directory(const std::string& path) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(step("fsync " + path, true));
  std::vector<NameChange> left;
  for (NameChange& change : unsynced_names_) {
    if (parent_directory(change.path) != path) {
      left.push_back(std::move(change));
    } else {
      change.apply(durable_);
    }
  }
  unsynced_names_ = std::move(left);
  return {};
}

Result<std::uint64_t> SimFileSystem::free_bytes(const std::string&) {
  MutexLock lock(mutex_);
  if (!capacity_) return std::uint64_t{1} << 40;
  const std::uint64_t taken = used();
  return taken < *capacity_ ? *capacity_ - taken : 0;
}

}  // namespace rqlite
