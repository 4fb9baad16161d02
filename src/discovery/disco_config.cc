#include "discovery/disco_config.h"

#include <climits>
#include <filesystem>
#include <optional>
#include <system_error>

namespace rqlite::discovery {
namespace {

constexpr std::uint64_t kFileBytesMax = 1 << 20;

// Absolute, or nothing if it cannot be anybody's path.
std::optional<std::string> as_path(const std::string& text) {
  if (text.empty() || text.size() >= PATH_MAX || text.find('\0') != std::string::npos) return {};
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(text, error);
  if (error) return {};
  return path.string();
}

}  // namespace

Result<Bytes> read_disco_config(const std::string& path_or_json, FileSystem& files,
                                const Environment& environment) {
  const std::optional<std::string> path = as_path(path_or_json);
  if (path) {
    const Result<FileSystem::Kind> kind = files.kind(*path);
    if (kind.ok() && *kind == FileSystem::Kind::kDirectory) {
      return Status(Code::kInvalid, path_or_json + " is a directory");
    }
    if (kind.ok() && *kind == FileSystem::Kind::kFile) {
      const Result<FileStamp> stamp = files.stamp(*path);
      if (stamp.ok() && stamp->size > kFileBytesMax) {
        return Status(Code::kInvalid, path_or_json + " is too large for a configuration");
      }
      // A file is there, so it is meant: its name would never do as JSON.
      const Result<Bytes> text = files.read_file(*path);
      if (!text.ok()) return text.error();
      return expand_environment(*text, environment);
    }
  }
  return expand_environment(path_or_json, environment);
}

std::string no_such_file(const std::string& path_or_json, FileSystem& files,
                         const Environment& environment) {
  if (const std::optional<std::string> path = as_path(path_or_json)) {
    const Result<FileSystem::Kind> kind = files.kind(*path);
    if (kind.ok() && *kind != FileSystem::Kind::kNothing) return "";
  }
  const Bytes text = expand_environment(path_or_json, environment);
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == Bytes::npos || text[begin] == '{') return "";
  return "there is no file " + path_or_json + " either";
}

}  // namespace rqlite::discovery
