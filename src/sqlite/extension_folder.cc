#include "sqlite/extension_folder.h"

#include <algorithm>
#include <array>
#include <optional>

#include "sqlite/flat_archive.h"

namespace rqlite::sqlite {
namespace {

constexpr std::size_t kCopiedBytes = 256 * 1024;  // at once

Status copy_file(FileSystem& files, const std::string& from, const std::string& to) {
  Result<std::unique_ptr<File>> source = files.open(from, FileSystem::Open::kReadOnly);
  if (!source.ok()) return source.error();
  Result<std::unique_ptr<File>> copy = files.open(to, FileSystem::Open::kCreateOrTruncate);
  if (!copy.ok()) return copy.error();
  Bytes piece(kCopiedBytes, '\0');
  for (std::uint64_t at = 0;;) {
    const Result<std::size_t> read = (*source)->read(at, piece.data(), piece.size());
    if (!read.ok()) return read.error();
    if (*read == 0) return {};
    RETURN_IF_ERROR((*copy)->write(at, BytesView(piece).substr(0, *read)));
    at += *read;
  }
}

std::string name_in(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Status copy_directory(FileSystem& files, const std::string& from, const std::string& to) {
  const Result<std::vector<std::string>> names = files.list(from);
  if (!names.ok()) return names.error();
  for (const std::string& name : *names) {
    if (name.starts_with('.')) continue;
    const Result<FileSystem::Kind> kind = files.kind(from + "/" + name);
    if (!kind.ok()) return kind.error();
    if (*kind != FileSystem::Kind::kFile) continue;
    RETURN_IF_ERROR(copy_file(files, from + "/" + name, to + "/" + name));
  }
  return {};
}

Status add_file(FileSystem& files, const std::string& source, const std::string& to) {
  std::array<char, 4> begin{};
  Result<std::unique_ptr<File>> file = files.open(source, FileSystem::Open::kReadOnly);
  if (!file.ok()) return file.error().with_context("failed to load extension from file");
  const Result<std::size_t> read = (*file)->read(0, begin.data(), begin.size());
  if (!read.ok()) return read.error().with_context("failed to load extension from file");
  const auto format = archive_format_of(BytesView(begin.data(), *read));
  if (!format) {
    return copy_file(files, source, to + "/" + name_in(source))
        .with_context("failed to load extension from file");
  }
  return unpack_flat(files, source, *format, to)
      .with_context(std::string("failed to load extensions from ") + name_of(*format) + " file");
}

Status add_source(FileSystem& files, const std::string& source, const std::string& to) {
  const Result<FileSystem::Kind> kind = files.kind(source);
  if (!kind.ok()) return kind.error().with_context("failed to load extension from file");
  switch (*kind) {
    case FileSystem::Kind::kDirectory:
      return copy_directory(files, source, to)
          .with_context("failed to load extensions from directory");
    case FileSystem::Kind::kFile:
      return add_file(files, source, to);
    case FileSystem::Kind::kNothing:
    case FileSystem::Kind::kOther:
      break;
  }
  return {Code::kFailed, "failed to load extension from file: " + source + " is not a file"};
}

}  // namespace

Result<Extensions> fill_extension_folder(FileSystem& files, const std::vector<std::string>& sources,
                                         const std::string& folder) {
  const auto in_store = [](const Status& status) {
    return status.with_context("failed to create extension store");
  };
  const std::string fresh = folder + ".new";
  if (const Status status = files.remove_all(fresh); !status.ok()) return in_store(status);
  if (const Status status = files.make_directories(fresh); !status.ok()) return in_store(status);
  for (const std::string& source : sources) {
    if (Status status = add_source(files, source, fresh); !status.ok()) {
      (void)files.remove_all(fresh);  // what stays is removed by the next start
      return status;
    }
  }
  Result<std::vector<std::string>> names = files.list(fresh);
  if (!names.ok()) return in_store(names.error());
  if (const Status status = files.remove_all(folder); !status.ok()) return in_store(status);
  if (const Status status = files.rename(fresh, folder); !status.ok()) return in_store(status);
  Extensions paths;
  for (const std::string& name : *names) paths.push_back(folder + "/" + name);
  return paths;
}

}  // namespace rqlite::sqlite
