#include "rqlited/profiles.h"

#include <fmt/format.h>
#include <malloc.h>

#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "rqlited/cpu_table.h"

namespace rqlite::rqlited {
namespace {

Status create_one(FileSystem& files, const std::string& path, const char* what,
                  std::unique_ptr<File>& file) {
  if (path.empty()) return {};
  Result<std::unique_ptr<File>> made = files.open(path, FileSystem::Open::kCreateOrTruncate);
  if (!made.ok()) {
    return made.error().with_context(fmt::format("failed to create {} file at {}", what, path));
  }
  file = std::move(*made);
  return {};
}

Bytes memory_report() {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* stream = open_memstream(&text, &size);
  if (stream == nullptr) return {};
  malloc_info(0, stream);
  std::fclose(stream);
  Bytes report(text, size);
  std::free(text);
  return report;
}

void fill(File* file, const char* what, const std::function<Bytes()>& content) {
  if (file == nullptr) return;
  if (const Status written = file->write(0, content()); !written.ok()) {
    log("rqlited", "failed to write {}: {}", what, written.text());
  }
}

}  // namespace

Result<Profiles> Profiles::create(FileSystem& files, const Paths& paths, const Clock& clock) {
  Profiles profiles(clock);
  Status status = create_one(files, paths.cpu, "CPU profile", profiles.cpu_);
  if (status.ok()) status = create_one(files, paths.memory, "memory profile", profiles.memory_);
  if (status.ok()) status = create_one(files, paths.trace, "trace profile", profiles.trace_);
  if (!status.ok()) return status;
  return profiles;
}

void Profiles::write(const std::function<Bytes()>& metrics) {
  fill(cpu_.get(), "CPU profile",
       [this] { return cpu_table_of_this_process(clock_->now() - started_); });
  fill(memory_.get(), "memory profile", memory_report);
  fill(trace_.get(), "trace profile", metrics);
}

}  // namespace rqlite::rqlited
