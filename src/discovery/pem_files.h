#pragma once

#include <map>
#include <string>

#include "base/file_system.h"

namespace rqlite::discovery {

// A few texts that are read as if they were files, in front of the files there are: for what reads
// certificates from files and is to read them from a setting. Nothing can be changed through it.
// Thread-safe once all texts were added.
class PemFiles final : public FileSystem {
 public:
  explicit PemFiles(FileSystem& behind) : behind_(behind) {}  // must outlive it

  // `name` is no path; errors show it. `text` is never seen to change.
  void add(const std::string& name, Bytes text) { texts_[name] = std::move(text); }

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
  FileSystem& behind_;
  std::map<std::string, Bytes> texts_;
};

}  // namespace rqlite::discovery
