#include "fakes/sim_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

namespace rqlite {
namespace {

constexpr std::size_t kRegionBytes = 32 * 1024;

std::atomic<std::uint64_t> next_number{1};

int code_of(const Status& status, int otherwise) {
  if (status.ok()) return SQLITE_OK;
  return status.code() == Code::kDiskFull ? SQLITE_FULL : otherwise;
}

}  // namespace

struct SimVfs::Impl {
  // What all openings of one path share.
  struct Shared {
    int openings = 0;
    int shared_locks = 0;
    bool reserved = false;
    bool exclusive = false;
    std::vector<std::unique_ptr<char[]>> regions;
    std::array<int, SQLITE_SHM_NLOCK> shm_locks{};  // readers; -1: one writer
  };

  struct OpenFile {
    sqlite3_file base;
    Impl* impl;
    File* file;        // null for a temporary file
    Bytes* temporary;  // its content
    Shared* shared;    // null for a temporary file
    int lock;
    std::uint32_t shm_shared;  // slots held, as bits
    std::uint32_t shm_exclusive;
  };

  sqlite3_vfs vfs{};
  std::string name;
  FileSystem* files = nullptr;
  Mutex mutex;
  std::map<std::string, Shared> shared GUARDED_BY(mutex);

  static OpenFile& of(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file); }
  static Impl& of(sqlite3_vfs* vfs) { return *static_cast<Impl*>(vfs->pAppData); }

  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out);
  static int close(sqlite3_file* file);
  static int read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset);
  static int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset);
  static int lock(sqlite3_file* file, int level);
  static int unlock(sqlite3_file* file, int level);
  static int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** to);
  static int shm_lock(sqlite3_file* file, int first, int count, int flags);
  static const sqlite3_io_methods* methods();
};

int SimVfs::Impl::open(sqlite3_vfs* vfs, const char* path, sqlite3_file* raw, int flags, int* out) {
  OpenFile& file = of(raw);
  std::memset(&file, 0, sizeof file);
  file.impl = &of(vfs);
  if (path == nullptr) {
    file.temporary = new Bytes();
  } else {
    FileSystem& files = *file.impl->files;
    auto opened = files.open(path, FileSystem::Open::kExisting);
    if (!opened.ok() && (flags & SQLITE_OPEN_CREATE) != 0) {
      opened = files.open(path, FileSystem::Open::kCreateOrTruncate);
    }
    if (!opened.ok()) return SQLITE_CANTOPEN;
    file.file = opened->release();
    MutexLock lock(file.impl->mutex);
    file.shared = &file.impl->shared[path];
    file.shared->openings++;
  }
  if (out != nullptr) *out = flags;
  file.base.pMethods = methods();
  return SQLITE_OK;
}

int SimVfs::Impl::close(sqlite3_file* raw) {
  OpenFile& file = of(raw);
  unlock(raw, SQLITE_LOCK_NONE);
  if (file.shared != nullptr) {
    MutexLock lock(file.impl->mutex);
    // The last one takes the shared memory along, as the operating system would.
    if (--file.shared->openings == 0) file.shared->regions.clear();
  }
  delete file.file;
  delete file.temporary;
  return SQLITE_OK;
}

int SimVfs::Impl::read(sqlite3_file* raw, void* to, int size, sqlite3_int64 offset) {
  OpenFile& file = of(raw);
  const auto wanted = static_cast<std::size_t>(size);
  std::size_t got = 0;
  if (file.temporary != nullptr) {
    const Bytes& content = *file.temporary;
    const auto at = static_cast<std::size_t>(offset);
    if (at < content.size()) got = std::min(wanted, content.size() - at);
    if (got > 0) std::memcpy(to, content.data() + at, got);
  } else {
    Result<std::size_t> read =
        file.file->read(static_cast<std::uint64_t>(offset), static_cast<char*>(to), wanted);
    if (!read.ok()) return SQLITE_IOERR_READ;
    got = *read;
  }
  if (got == wanted) return SQLITE_OK;
  std::memset(static_cast<char*>(to) + got, 0, wanted - got);
  return SQLITE_IOERR_SHORT_READ;
}

int SimVfs::Impl::write(sqlite3_file* raw, const void* from, int size, sqlite3_int64 offset) {
  OpenFile& file = of(raw);
  const BytesView bytes(static_cast<const char*>(from), static_cast<std::size_t>(size));
  if (file.temporary == nullptr) {
    return code_of(file.file->write(static_cast<std::uint64_t>(offset), bytes), SQLITE_IOERR_WRITE);
  }
  const auto end = static_cast<std::size_t>(offset) + bytes.size();
  if (file.temporary->size() < end) file.temporary->resize(end, '\0');
  file.temporary->replace(static_cast<std::size_t>(offset), bytes.size(), bytes);
  return SQLITE_OK;
}

int SimVfs::Impl::lock(sqlite3_file* raw, int level) {
  OpenFile& file = of(raw);
  if (file.shared == nullptr || file.lock >= level) return SQLITE_OK;
  MutexLock lock(file.impl->mutex);
  Shared& shared = *file.shared;
  const bool holds_shared = file.lock >= SQLITE_LOCK_SHARED;
  if (level == SQLITE_LOCK_SHARED) {
    if (shared.exclusive) return SQLITE_BUSY;
    shared.shared_locks++;
  } else {
    if (shared.reserved && file.lock < SQLITE_LOCK_RESERVED) return SQLITE_BUSY;
    shared.reserved = true;
    if (level == SQLITE_LOCK_EXCLUSIVE) {
      if (shared.shared_locks > (holds_shared ? 1 : 0)) {
        file.lock = SQLITE_LOCK_RESERVED;
        return SQLITE_BUSY;
      }
      shared.exclusive = true;
    }
  }
  file.lock = level;
  return SQLITE_OK;
}

int SimVfs::Impl::unlock(sqlite3_file* raw, int level) {
  OpenFile& file = of(raw);
  if (file.shared == nullptr || file.lock <= level) return SQLITE_OK;
  MutexLock lock(file.impl->mutex);
  Shared& shared = *file.shared;
  if (file.lock == SQLITE_LOCK_EXCLUSIVE) shared.exclusive = false;
  if (file.lock >= SQLITE_LOCK_RESERVED) shared.reserved = false;
  if (level == SQLITE_LOCK_NONE && file.lock >= SQLITE_LOCK_SHARED) shared.shared_locks--;
  file.lock = level;
  return SQLITE_OK;
}

int SimVfs::Impl::shm_map(sqlite3_file* raw, int region, int, int extend, void volatile** to) {
  OpenFile& file = of(raw);
  MutexLock lock(file.impl->mutex);
  auto& regions = file.shared->regions;
  const auto wanted = static_cast<std::size_t>(region);
  *to = nullptr;
  if (regions.size() <= wanted && extend == 0) return SQLITE_OK;
  while (regions.size() <= wanted) regions.push_back(std::make_unique<char[]>(kRegionBytes));
  *to = regions[wanted].get();
  return SQLITE_OK;
}

int SimVfs::Impl::shm_lock(sqlite3_file* raw, int first, int count, int flags) {
  OpenFile& file = of(raw);
  MutexLock lock(file.impl->mutex);
  auto& locks = file.shared->shm_locks;
  const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  for (int i = first; i < first + count; i++) {
    const std::uint32_t bit = 1u << i;
    int& slot = locks[static_cast<std::size_t>(i)];
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
      if ((file.shm_exclusive & bit) != 0) slot = 0;
      if ((file.shm_shared & bit) != 0) slot--;
      file.shm_exclusive &= ~bit;
      file.shm_shared &= ~bit;
      continue;
    }
    if (((file.shm_shared | file.shm_exclusive) & bit) != 0) continue;
    if (exclusive ? slot != 0 : slot < 0) {
      // All or nothing: what was taken before goes back.
      for (int j = first; j < i; j++) {
        if (exclusive) locks[static_cast<std::size_t>(j)] = 0;
        file.shm_exclusive &= ~(1u << j);
      }
      return SQLITE_BUSY;
    }
    if (exclusive) {
      slot = -1;
      file.shm_exclusive |= bit;
    } else {
      slot++;
      file.shm_shared |= bit;
    }
  }
  return SQLITE_OK;
}

const sqlite3_io_methods* SimVfs::Impl::methods() {
  static const sqlite3_io_methods kMethods = [] {
    sqlite3_io_methods m{};
    m.iVersion = 2;
    m.xClose = &close;
    m.xRead = &read;
    m.xWrite = &write;
    m.xTruncate = [](sqlite3_file* raw, sqlite3_int64 size) {
      OpenFile& file = of(raw);
      if (file.temporary != nullptr) {
        file.temporary->resize(static_cast<std::size_t>(size), '\0');
        return SQLITE_OK;
      }
      return code_of(file.file->truncate(static_cast<std::uint64_t>(size)), SQLITE_IOERR_TRUNCATE);
    };
    m.xSync = [](sqlite3_file* raw, int) {
      OpenFile& file = of(raw);
      return file.file == nullptr ? SQLITE_OK : code_of(file.file->sync_data(), SQLITE_IOERR_FSYNC);
    };
    m.xFileSize = [](sqlite3_file* raw, sqlite3_int64* size) {
      OpenFile& file = of(raw);
      if (file.temporary != nullptr) {
        *size = static_cast<sqlite3_int64>(file.temporary->size());
        return SQLITE_OK;
      }
      Result<std::uint64_t> bytes = file.file->size();
      if (!bytes.ok()) return SQLITE_IOERR_FSTAT;
      *size = static_cast<sqlite3_int64>(*bytes);
      return SQLITE_OK;
    };
    m.xLock = &lock;
    m.xUnlock = &unlock;
    m.xCheckReservedLock = [](sqlite3_file* raw, int* out) {
      OpenFile& file = of(raw);
      MutexLock held(file.impl->mutex);
      *out = file.shared != nullptr && file.shared->reserved ? 1 : 0;
      return SQLITE_OK;
    };
    m.xFileControl = [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; };
    m.xSectorSize = [](sqlite3_file*) { return 512; };
    m.xDeviceCharacteristics = [](sqlite3_file*) { return 0; };
    m.xShmMap = &shm_map;
    m.xShmLock = &shm_lock;
    m.xShmBarrier = [](sqlite3_file*) { std::atomic_thread_fence(std::memory_order_seq_cst); };
    m.xShmUnmap = [](sqlite3_file*, int) { return SQLITE_OK; };
    return m;
  }();
  return &kMethods;
}

SimVfs::SimVfs(FileSystem& files) : impl_(std::make_unique<Impl>()) {
  impl_->files = &files;
  impl_->name = "sim-" + std::to_string(next_number++);
  const sqlite3_vfs& system = *sqlite3_vfs_find(nullptr);
  sqlite3_vfs& vfs = impl_->vfs;
  vfs = system;  // time, sleep and randomness
  vfs.pNext = nullptr;
  vfs.zName = impl_->name.c_str();
  vfs.pAppData = impl_.get();
  vfs.szOsFile = sizeof(Impl::OpenFile);
  vfs.xOpen = &Impl::open;
  vfs.xDelete = [](sqlite3_vfs* self, const char* path, int sync) {
    FileSystem& system_files = *Impl::of(self).files;
    const Status removed = system_files.remove(path);
    if (!removed.ok()) return SQLITE_IOERR_DELETE;
    if (sync == 0) return SQLITE_OK;
    return code_of(system_files.sync_directory(parent_directory(path)), SQLITE_IOERR_DIR_FSYNC);
  };
  vfs.xAccess = [](sqlite3_vfs* self, const char* path, int, int* out) {
    // As on the real system, an empty file does not count.
    *out = 0;
    auto file = Impl::of(self).files->open(path, FileSystem::Open::kReadOnly);
    if (file.ok()) *out = *(*file)->size() > 0 ? 1 : 0;
    return SQLITE_OK;
  };
  vfs.xFullPathname = [](sqlite3_vfs*, const char* path, int size, char* to) {
    sqlite3_snprintf(size, to, "%s", path);
    return SQLITE_OK;
  };
  sqlite3_vfs_register(&vfs, 0);
}

SimVfs::~SimVfs() { sqlite3_vfs_unregister(&impl_->vfs); }

const char* SimVfs::name() const { return impl_->name.c_str(); }

}  // namespace rqlite
