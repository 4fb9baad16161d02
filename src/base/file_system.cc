#include "base/file_system.h"

namespace rqlite {

Status File::write(std::uint64_t offset, BytesView bytes) {
  const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  return write(offset, std::span(&part, 1));
}

Result<Bytes> FileSystem::read_file(const std::string& path) {
  Result<std::unique_ptr<File>> file = open(path, Open::kReadOnly);
  if (!file.ok()) return file.error();
  Result<std::uint64_t> size = (*file)->size();
  if (!size.ok()) return size.error();
  Bytes content(*size, '\0');
  Result<std::size_t> got = (*file)->read(0, content.data(), content.size());
  if (!got.ok()) return got.error();
  content.resize(*got);
  return content;
}

Status FileSystem::replace_file(const std::string& path, BytesView content) {
  const std::string fresh = path + ".new";
  {
    Result<std::unique_ptr<File>> file = open(fresh, Open::kCreateOrTruncate);
    if (!file.ok()) return file.error();
    RETURN_IF_ERROR((*file)->write(0, content));
    RETURN_IF_ERROR((*file)->sync_data());
  }
  RETURN_IF_ERROR(rename(fresh, path));
  return sync_directory(parent_directory(path));
}

std::string parent_directory(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace rqlite
