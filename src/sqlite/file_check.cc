#include "sqlite/file_check.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace rqlite::sqlite {
namespace {

// The parts of a database file's first bytes that are looked at here. Numbers are big-endian.
//
//    0  16  kMagic
//   16   2  bytes in a page; 1 means 65536
//   18   2  format for writers and for readers: 1 with a rollback journal, 2 with a WAL
//   24   4  number of the last change
//   28   4  pages in the file
//   92   4  number of the change that wrote the number of pages
constexpr std::size_t kHeaderBytes = 100;
constexpr std::string_view kMagic("SQLite format 3\0", 16);

constexpr int kCacheKiB = 2048;

using Header = std::array<char, kHeaderBytes>;

std::uint64_t number_at(const Header& header, std::size_t offset, int bytes) {
  std::uint64_t number = 0;
  for (int i = 0; i < bytes; i++) {
    number = number << 8 | static_cast<unsigned char>(header.at(offset++));
  }
  return number;
}

Status invalid(std::string_view why) {
  std::string text = fmt::format("invalid SQLite data: {}", why);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return {Code::kInvalid, text};
}

// What can be told from the header and the size alone, of which SQLite is forgiving: it would take
// an empty file for an empty database, and pages behind the end of the file for zeros.
Status check_header(FileSystem& files, const std::string& path, bool may_be_longer) {
  Result<std::unique_ptr<File>> file = files.open(path, FileSystem::Open::kReadOnly);
  if (!file.ok()) return file.error();
  Header header{};
  const Result<std::size_t> read = (*file)->read(0, header.data(), header.size());
  if (!read.ok()) return read.error();
  const Result<std::uint64_t> size = (*file)->size();
  if (!size.ok()) return size.error();

  if (*read == 0) return invalid("file is empty");
  const std::string_view magic = kMagic.substr(0, std::min(*read, kMagic.size()));
  if (!std::string_view(header.data(), header.size()).starts_with(magic)) {
    return invalid("file is not an SQLite database");
  }
  if (*read < header.size()) {
    return invalid(fmt::format("file is cut short: it has {} bytes, and a header has {}", *read,
                               header.size()));
  }

  std::uint64_t page = number_at(header, 16, 2);
  if (page == 1) page = 65536;
  if (page < 512 || (page & (page - 1)) != 0) {
    return invalid(fmt::format("{} bytes are no page size", page));
  }
  for (std::size_t offset : {18, 19}) {
    const std::uint64_t format = number_at(header, offset, 1);
    if (format != 1 && format != 2) return invalid(fmt::format("unknown format {}", format));
  }

  // Ancient versions leave the number of pages alone; then the file's size is all there is.
  std::uint64_t pages = number_at(header, 28, 4);
  if (pages == 0 || number_at(header, 24, 4) != number_at(header, 92, 4)) {
    pages = std::max<std::uint64_t>(1, (*size + page - 1) / page);
  }
  if (*size < pages * page || (*size > pages * page && !may_be_longer)) {
    return invalid(fmt::format(
        "{}: it has {} bytes, and {} of {} bytes take {}",
        *size < pages * page ? "file is cut short" : "file is longer than its pages", *size,
        pages == 1 ? "1 page" : fmt::format("{} pages", pages), page, pages * page));
  }
  return {};
}

// A name for SQLite that says, besides where the file is, that nobody changes it: so SQLite takes
// no locks and looks for no journal, no WAL and no shared memory.
std::string immutable_uri(const std::string& path) {
  // Behind two slashes a host would follow, so an absolute path has a third one.
  std::string uri = path.starts_with('/') ? "file://" : "file:";
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("/._-").find(c) != std::string_view::npos;
    uri += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return uri + "?immutable=1";
}

// The error of a call that returned `code`. Here damage is no failure of this node, as it is
// anywhere else (error.h): the file came from outside.
Status status_of_check(sqlite3* database, int code, const std::string& path) {
  const char* text = database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_MISUSE:
      return {Code::kFailed, fmt::format("check {}: {}", path, text)};
    default:
      return invalid(text);
  }
}

using Database = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;
using Prepared = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

Status check_content(const std::string& path, CheckDepth depth, const char* base_vfs,
                     const Extensions& extensions) {
  sqlite3* opened = nullptr;
  int code =
      sqlite3_open_v2(immutable_uri(path).c_str(), &opened,
                      SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, base_vfs);
  const Database database(opened, &sqlite3_close);
  if (code != SQLITE_OK) return status_of_check(opened, code, path);

  // The schema is a stranger's: it may call nothing that has effects, and is what SQLite parsed.
  for (int off : {SQLITE_DBCONFIG_WRITABLE_SCHEMA, SQLITE_DBCONFIG_ENABLE_TRIGGER,
                  SQLITE_DBCONFIG_ENABLE_VIEW}) {
    sqlite3_db_config(opened, off, 0, nullptr);
  }
  // Few extensions say of their functions that they are harmless, and an index may need them.
  sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, extensions.empty() ? 0 : 1, nullptr);
  if (const Error error = load_extensions(opened, extensions); !error.ok()) {
    return status_of(error, "check " + path);
  }
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // A CHECK constraint is the author's promise about values; SQLite can read them if it is broken.
  const std::string settings = fmt::format(
      "PRAGMA cache_size=-{}; PRAGMA mmap_size=0; PRAGMA cell_size_check=ON;"
      "PRAGMA ignore_check_constraints=ON",
      kCacheKiB);
  code = sqlite3_exec(opened, settings.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return status_of_check(opened, code, path);

  // The first finding is enough.
  const char* pragma = depth == CheckDepth::kIndexes ? "PRAGMA main.integrity_check(1)"
                                                     : "PRAGMA main.quick_check(1)";
  sqlite3_stmt* prepared = nullptr;
  code = sqlite3_prepare_v2(opened, pragma, -1, &prepared, nullptr);
  const Prepared statement(prepared, &sqlite3_finalize);
  if (code == SQLITE_OK) code = sqlite3_step(prepared);
  if (code != SQLITE_ROW) return status_of_check(opened, code, path);
  const auto* found = reinterpret_cast<const char*>(sqlite3_column_text(prepared, 0));
  if (found == nullptr) return status_of_check(opened, SQLITE_NOMEM, path);
  std::string_view finding = found;
  if (finding == "ok") return {};
  constexpr std::string_view kTitle = "*** in database main ***\n";
  if (finding.starts_with(kTitle)) finding.remove_prefix(kTitle.size());
  return invalid(finding);
}

}  // namespace

Status check_file(FileSystem& files, const std::string& path, CheckDepth depth,
                  const char* base_vfs, const Extensions& extensions) {
  RETURN_IF_ERROR(check_header(files, path, depth == CheckDepth::kHeader));
  if (depth == CheckDepth::kHeader) return {};
  return check_content(path, depth, base_vfs, extensions);
}

}  // namespace rqlite::sqlite
