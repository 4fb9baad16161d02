#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/result.h"

namespace rqlite::rqlited {

// Files that tell after a clean stop what the process did: they are made at the start, so that a
// path that is wrong is noticed then, and filled at the stop.
class Profiles {
 public:
  struct Paths {
    std::string cpu;     // processor time by thread
    std::string memory;  // what glibc's allocator says of itself, as XML
    std::string trace;   // all metrics
  };  // empty: not wanted

  // Makes the files that are wanted. The error is fit for the fatal line.
  static Result<Profiles> create(FileSystem& files, const Paths& paths, const Clock& clock);

  // Fills them, while the threads still live. `metrics` gives the text of `/metrics`. What cannot
  // be written is logged.
  void write(const std::function<Bytes()>& metrics);

 private:
  explicit Profiles(const Clock& clock) : clock_(&clock), started_(clock.now()) {}

  const Clock* clock_;
  TimePoint started_;
  std::unique_ptr<File> cpu_;
  std::unique_ptr<File> memory_;
  std::unique_ptr<File> trace_;
};

}  // namespace rqlite::rqlited
