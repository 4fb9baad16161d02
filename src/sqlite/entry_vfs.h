#pragma once

#include <cstdint>
#include <memory>

namespace rqlite::sqlite {

// The operating system as the writing connection sees it: every file as it is, but the clock shows
// the time of the log entry that is being applied. So CURRENT_TIMESTAMP and 'now' are alike on all
// replicas, in defaults and triggers too. It also notes when a write meets a full disk.
//
// Threads: those of its one connection. Must outlive the connections that were opened with it.
class EntryVfs {
 public:
  // `base` names the VFS underneath; null is the default one.
  explicit EntryVfs(const char* base = nullptr);
  ~EntryVfs();
  EntryVfs(const EntryVfs&) = delete;
  EntryVfs& operator=(const EntryVfs&) = delete;

  // The name to open connections with.
  [[nodiscard]] const char* name() const;

  void set_time(std::int64_t unix_milliseconds);

  // Whether a write met a full disk since the last call.
  bool take_disk_full();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Makes SQLite's 'localtime' mean UTC in this process: replicas may live in different zones.
void use_utc_as_localtime();

}  // namespace rqlite::sqlite
