#include "sqlite/flat_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <string_view>
#include <vector>

namespace rqlite::sqlite {
namespace {

using Archive = std::unique_ptr<archive, decltype(&archive_read_free)>;

Status failed(archive* archive) {
  const char* why = archive_error_string(archive);
  return {Code::kFailed, why != nullptr ? why : "archive cannot be read"};
}

// Unpacks gzip for libarchive, whose own way does not look at the checksum.
class GzipReader {
 public:
  explicit GzipReader(BytesView packed) : packed_(packed), buffer_(kBufferBytes) {
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    ready_ = inflateInit2(&stream_, kGzipOnly) == Z_OK;
  }
  ~GzipReader() { inflateEnd(&stream_); }
  GzipReader(const GzipReader&) = delete;

  // The next piece, which lives until the next call; empty at the end, and after what failed().
  BytesView next() {
    std::size_t size = 0;
    while (ready_ && size == 0) size = step();
    return {buffer_.data(), size};
  }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  static constexpr std::size_t kBufferBytes = 256 * 1024;

  // Unpacks into the buffer; how much that gave. Not ready_ any more: there is no more.
  std::size_t step() {
    if (stream_.avail_in == 0) {
      const std::size_t size = std::min<std::size_t>(packed_.size(), INT_MAX);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed_.data()));
      stream_.avail_in = static_cast<uInt>(size);
      packed_.remove_prefix(size);
    }
    stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
    stream_.avail_out = static_cast<uInt>(buffer_.size());
    const int code = inflate(&stream_, Z_NO_FLUSH);
    const std::size_t size = buffer_.size() - stream_.avail_out;
    if (code == Z_STREAM_END) {
      // Another one may follow; anything else behind it is no part of the archive.
      ready_ = stream_.avail_in > 1 && stream_.next_in[0] == 0x1f && stream_.next_in[1] == 0x8b &&
               inflateReset(&stream_) == Z_OK;
    } else if (code != Z_OK) {
      failed_ = true;  // also at an end that comes too early
      ready_ = false;
    }
    return size;
  }

  BytesView packed_;
  std::vector<char> buffer_;
  z_stream stream_{};
  bool ready_ = false;
  bool failed_ = false;
};

la_ssize_t read_gzip(archive* archive, void* reader, const void** piece) {
  auto* const gzip = static_cast<GzipReader*>(reader);
  const BytesView next = gzip->next();
  *piece = next.data();
  if (!gzip->failed()) return static_cast<la_ssize_t>(next.size());
  archive_set_error(archive, EINVAL, "gzip data is damaged or cut short");
  return -1;
}

// Why an entry is not taken, or ok.
Status check_entry(archive_entry* entry, ArchiveFormat format, std::string& name) {
  // The name as UTF-8 is for one that the process's locale cannot express.
  const char* text = archive_entry_pathname(entry);
  if (text == nullptr) text = archive_entry_pathname_utf8(entry);
  name = text != nullptr ? text : "";
  const bool is_link =
      archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr;
  if (archive_entry_filetype(entry) == AE_IFDIR || name.find('/') != std::string::npos) {
    return {Code::kFailed, fmt::format("{} file contains subdirectories", name_of(format))};
  }
  if (is_link || archive_entry_filetype(entry) != AE_IFREG) {
    return {Code::kFailed,
            fmt::format("{} file contains '{}', which is not a plain file", name_of(format), name)};
  }
  if (name.empty() || name == "." || name == "..") {
    return {Code::kFailed, fmt::format("{} file contains a file without a name", name_of(format))};
  }
  return {};
}

Status write_entry(archive* archive, File& file) {
  while (true) {
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int code = archive_read_data_block(archive, &block, &size, &offset);
    if (code == ARCHIVE_EOF) return {};
    // A warning says that the checksum is wrong.
    if (code != ARCHIVE_OK) return failed(archive);
    const BytesView bytes(static_cast<const char*>(block), size);
    RETURN_IF_ERROR(file.write(static_cast<std::uint64_t>(offset), bytes));
  }
}

}  // namespace

const char* name_of(ArchiveFormat format) {
  switch (format) {
    case ArchiveFormat::kZip:
      return "zip";
    case ArchiveFormat::kTarGz:
      return "tar.gz";
  }
  return "";
}

std::optional<ArchiveFormat> archive_format_of(BytesView begin) {
  if (begin.starts_with(std::string_view("PK\x03\x04"))) return ArchiveFormat::kZip;
  // A gzip file's magic, and the one method that there is.
  if (begin.starts_with(std::string_view("\x1f\x8b\x08"))) return ArchiveFormat::kTarGz;
  return std::nullopt;
}

Status unpack_flat(FileSystem& files, const std::string& path, ArchiveFormat format,
                   const std::string& to) {
  const Result<Bytes> content = files.read_file(path);
  if (!content.ok()) return content.error();
  GzipReader gzip(format == ArchiveFormat::kTarGz ? BytesView(*content) : BytesView());
  const Archive archive(archive_read_new(), &archive_read_free);
  if (archive == nullptr) return {Code::kFailed, "out of memory"};
  int code = ARCHIVE_OK;
  if (format == ArchiveFormat::kZip) {
    archive_read_support_format_zip_seekable(archive.get());
    code = archive_read_open_memory(archive.get(), content->data(), content->size());
  } else {
    archive_read_support_format_tar(archive.get());
    code = archive_read_open(archive.get(), &gzip, nullptr, &read_gzip, nullptr);
  }
  if (code != ARCHIVE_OK) return failed(archive.get());
  archive_entry* entry = nullptr;
  while ((code = archive_read_next_header(archive.get(), &entry)) != ARCHIVE_EOF) {
    // A warning is about what we do not need, such as the owner's name.
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return failed(archive.get());
    std::string name;
    RETURN_IF_ERROR(check_entry(entry, format, name));
    Result<std::unique_ptr<File>> file =
        files.open(to + "/" + name, FileSystem::Open::kCreateOrTruncate);
    if (!file.ok()) return file.error();
    RETURN_IF_ERROR(write_entry(archive.get(), **file));
  }
  // The checksum stands behind all that was asked for.
  while (format == ArchiveFormat::kTarGz && !gzip.next().empty()) {
  }
  if (gzip.failed()) return {Code::kFailed, "gzip data is damaged or cut short"};
  return {};
}

}  // namespace rqlite::sqlite
