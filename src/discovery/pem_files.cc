#include "discovery/pem_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace rqlite::discovery {
namespace {

Status read_only(const std::string& what) { return status_from_errno(what, EROFS); }

class TextFile final : public File {
 public:
  explicit TextFile(Bytes text) : text_(std::move(text)) {}

  Result<std::size_t> read(std::uint64_t offset, char* to, std::size_t size) override {
    if (offset >= text_.size()) return std::size_t{0};
    const std::size_t taken = std::min<std::size_t>(size, text_.size() - offset);
    std::memcpy(to, text_.data() + offset, taken);
    return taken;
  }
  Status write(std::uint64_t, std::span<const iovec>) override { return read_only("write"); }
  Status reserve(std::uint64_t) override { return read_only("reserve"); }
  Status truncate(std::uint64_t) override { return read_only("truncate"); }
  Result<std::uint64_t> size() override { return std::uint64_t{text_.size()}; }
  Status sync_data() override { return {}; }

 private:
  const Bytes text_;
};

}  // namespace

Result<std::unique_ptr<File>> PemFiles::open(const std::string& path, Open how) {
  if (how != Open::kReadOnly) return read_only(path);
  const auto text = texts_.find(path);
  if (text == texts_.end()) return behind_.open(path, how);
  return std::unique_ptr<File>(std::make_unique<TextFile>(text->second));
}

Result<bool> PemFiles::exists(const std::string& path) {
  if (texts_.contains(path)) return true;
  return behind_.exists(path);
}

Result<FileStamp> PemFiles::stamp(const std::string& path) {
  const auto text = texts_.find(path);
  if (text == texts_.end()) return behind_.stamp(path);
  FileStamp stamp;
  stamp.size = text->second.size();
  return stamp;
}

Result<FileSystem::Kind> PemFiles::kind(const std::string& path) {
  if (texts_.contains(path)) return Kind::kFile;
  return behind_.kind(path);
}

Result<std::vector<std::string>> PemFiles::list(const std::string& directory) {
  return behind_.list(directory);
}

Status PemFiles::make_directories(const std::string& path) { return read_only(path); }
Status PemFiles::rename(const std::string& from, const std::string&) { return read_only(from); }
Status PemFiles::remove(const std::string& path) { return read_only(path); }
Status PemFiles::remove_all(const std::string& path) { return read_only(path); }
Status PemFiles::sync_directory(const std::string& path) { return read_only(path); }

Result<std::uint64_t> PemFiles::free_bytes(const std::string& path) {
  return behind_.free_bytes(path);
}

}  // namespace rqlite::discovery
