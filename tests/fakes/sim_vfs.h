#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/mutex.h"

namespace rqlite {

// SQLite on a FileSystem, with shared memory and locks in memory: a whole database that can lose
// power. One process, any number of connections and threads.
class SimVfs {
 public:
  // `files` must outlive the connections that were opened with name().
  explicit SimVfs(FileSystem& files);
  ~SimVfs();
  SimVfs(const SimVfs&) = delete;
  SimVfs& operator=(const SimVfs&) = delete;

  [[nodiscard]] const char* name() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace rqlite
