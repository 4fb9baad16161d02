#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/mutex.h"
#include "base/random.h"

namespace rqlite {

// A disk in memory that can lose power.
//
// It keeps what was written apart from what was synced. crash() then decides, by a seeded
// generator, which unsynced sectors and names reached the disk; anything may, in any order, as on
// a real one. It can also fail or freeze at the n-th operation that changes something, and be
// full. Thread-safe.
class SimFileSystem final : public FileSystem {
 public:
  SimFileSystem();

  enum class Crash {
    kProcess,  // the process alone died: the operating system still has all it was given
    kPower,    // what was not synced is there or not, sector by sector
  };
  // Must not be called while a file is open in code that still runs.
  void crash(Crash kind, Random& random);

  // From the operation after `count` more on, nothing reaches the disk and everything fails:
  // what a process sees in the moment it dies. If that one is a write, half of it is done.
  void freeze_after(std::uint64_t count);
  // The operation after `count` more fails with errno `error`; later ones work. If it is a write,
  // half of it is done.
  void fail_after(std::uint64_t count, int error);
  // As fail_after(), counting only sync_data() and sync_directory().
  void fail_sync_after(std::uint64_t count);
  // Operations so far that change something.
  [[nodiscard]] std::uint64_t operations();
  // What the stamps of files say that are changed from now on. It stands still by itself.
  void set_time(WallTime now);
  // Bytes that all files together may take; nullopt for no limit.
  void set_capacity(std::optional<std::uint64_t> bytes);
  // Bytes that all files together take.
  [[nodiscard]] std::uint64_t used_bytes();

  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override;
  Result<bool> exists(const std::string& path) override;
  Result<FileStamp> stamp(const std::string& path) override;
  Result<Kind> kind(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Status make_directories(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_all(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::uint64_t> free_bytes(const std::string& path) override;

 private:
  friend class SimFile;

  struct Write {
    std::uint64_t offset;
    Bytes bytes;
    std::optional<std::uint64_t> truncate_to;  // instead of a write
  };
  struct Inode {
    Bytes now;
    Bytes durable;
    std::vector<Write> unsynced;
    std::uint64_t number = 0;
    WallTime changed;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  struct NameChange {
    std::string path;
    std::shared_ptr<Inode> inode;  // null: removed
    std::string old_path;          // of a rename: goes in the same moment; otherwise empty
    void apply(Names& names) const;
  };

  // Counts an operation that changes something; not ok if it must fail.
  Status step(const std::string& what, bool is_sync) REQUIRES(mutex_);
  Status grow(const Inode& inode, std::uint64_t size, const std::string& what) REQUIRES(mutex_);
  std::uint64_t used() const REQUIRES(mutex_);
  // Whether the last operation came after the disk froze.
  bool was_frozen() const REQUIRES(mutex_);
  void change_name(NameChange change) REQUIRES(mutex_);
  Status rename_directory(const std::string& from, const std::string& to) REQUIRES(mutex_);
  static void put(Bytes& content, std::uint64_t offset, BytesView bytes);
  static void lose_power(Inode& inode, Random& random);

  Mutex mutex_;
  Names now_ GUARDED_BY(mutex_);
  Names durable_ GUARDED_BY(mutex_);
  std::vector<NameChange> unsynced_names_ GUARDED_BY(mutex_);
  std::uint64_t inodes_ GUARDED_BY(mutex_) = 0;  // made so far
  WallTime time_ GUARDED_BY(mutex_){std::chrono::hours(24 * 365 * 50)};
  std::set<std::string> directories_ GUARDED_BY(mutex_);
  std::optional<std::uint64_t> capacity_ GUARDED_BY(mutex_);
  std::uint64_t operations_ GUARDED_BY(mutex_) = 0;
  std::optional<std::uint64_t> frozen_from_ GUARDED_BY(mutex_);
  std::optional<std::uint64_t> fail_at_ GUARDED_BY(mutex_);
  int fail_with_ GUARDED_BY(mutex_) = 0;
  std::optional<std::uint64_t> syncs_to_failure_ GUARDED_BY(mutex_);
};

}  // namespace rqlite
