#include "sqlite/entry_vfs.h"

#include <sqlite3.h>
#include <time.h>

#include <array>
#include <atomic>
#include <string>

#include "base/check.h"
#include "sqlite/randomness.h"

namespace rqlite::sqlite {
namespace {

// Julian day 2440587.5 is 1970-01-01 00:00 UTC; SQLite counts milliseconds of it.
constexpr std::int64_t kUnixEpochJulianMs = 210866760000000;
constexpr double kMsPerDay = 86400000.0;

// Method tables a VFS may give its files: one for each way of locking.
constexpr std::size_t kMethodTablesMax = 4;

std::atomic<std::uint64_t> next_number{1};

}  // namespace

// SQLite passes the VFS's own address to its calls, so it has to come first.
struct EntryVfs::State {
  sqlite3_vfs vfs{};
  sqlite3_vfs* base = nullptr;
  std::string name;
  std::int64_t julian_ms = kUnixEpochJulianMs;
  std::atomic<bool> disk_full{false};

  // A file's methods are the base's, but for the write. The table carries its owner, because a
  // method only gets the file.
  struct Methods {
    sqlite3_io_methods table;
    const sqlite3_io_methods* base;
    State* owner;
  };
  std::array<Methods, kMethodTablesMax> methods{};
  std::size_t methods_used = 0;

  const sqlite3_io_methods* watched(const sqlite3_io_methods* original) {
    for (std::size_t i = 0; i < methods_used; i++) {
      if (methods[i].base == original) return &methods[i].table;
    }
    CHECK(methods_used < kMethodTablesMax);
    Methods& added = methods[methods_used++];
    added = {*original, original, this};
    added.table.xWrite = [](sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
      // pMethods points to the first member of our table.
      const auto* ours = reinterpret_cast<const Methods*>(file->pMethods);
      const int code = ours->base->xWrite(file, from, size, offset);
      if (code == SQLITE_FULL) ours->owner->disk_full = true;
      return code;
    };
    return &added.table;
  }
};

EntryVfs::EntryVfs(const char* base) : state_(std::make_unique<State>()) {
  state_->base = sqlite3_vfs_find(base);
  CHECK(state_->base != nullptr);
  state_->vfs = *state_->base;
  state_->name = "entry-" + std::to_string(next_number++);
  state_->vfs.zName = state_->name.c_str();
  state_->vfs.pNext = nullptr;
  state_->vfs.xOpen = [](sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags,
                         int* out_flags) {
    auto* state = reinterpret_cast<State*>(vfs);
    const RandomnessScope own(nullptr);  // no two temporary files may have one name
    const int code = state->base->xOpen(state->base, path, file, flags, out_flags);
    if (code == SQLITE_OK) file->pMethods = state->watched(file->pMethods);
    return code;
  };
  state_->vfs.xCurrentTimeInt64 = [](sqlite3_vfs* vfs, sqlite3_int64* time) {
    *time = reinterpret_cast<State*>(vfs)->julian_ms;
    return SQLITE_OK;
  };
  state_->vfs.xCurrentTime = [](sqlite3_vfs* vfs, double* time) {
    *time = static_cast<double>(reinterpret_cast<State*>(vfs)->julian_ms) / kMsPerDay;
    return SQLITE_OK;
  };
  CHECK(sqlite3_vfs_register(&state_->vfs, 0) == SQLITE_OK);
}

EntryVfs::~EntryVfs() { sqlite3_vfs_unregister(&state_->vfs); }

const char* EntryVfs::name() const { return state_->name.c_str(); }

void EntryVfs::set_time(std::int64_t unix_milliseconds) {
  state_->julian_ms = kUnixEpochJulianMs + unix_milliseconds;
}

bool EntryVfs::take_disk_full() { return state_->disk_full.exchange(false); }

void use_utc_as_localtime() {
  // Meant for tests of SQLite, and exactly what is needed: 2 installs another localtime().
  using Localtime = int (*)(const void*, void*);
  const Localtime utc = [](const void* seconds, void* broken_down) {
    return gmtime_r(static_cast<const time_t*>(seconds), static_cast<tm*>(broken_down)) == nullptr
               ? 1
               : 0;
  };
  sqlite3_test_control(SQLITE_TESTCTRL_LOCALTIME_FAULT, 2, utc);
}

}  // namespace rqlite::sqlite
