#include "raft/segment.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>

namespace rqlite::raft {
namespace {

constexpr std::string_view kMagic = "RQLOG001";
constexpr std::size_t kHeaderUsed = 40;
static_assert(kMagic.size() == 8 && kHeaderUsed <= kSegmentHeaderBytes);

Bytes encode_header(const Segment& segment) {
  Bytes header(kMagic);
  append_number(header, segment.sequence);
  append_number(header, segment.salt);
  append_number(header, segment.bytes);
  append_number(header, static_cast<std::uint64_t>(XXH3_64bits(header.data(), header.size())));
  CHECK(header.size() == kHeaderUsed);
  header.resize(kSegmentHeaderBytes, '\0');
  return header;
}

Status write_zeros(File& file, std::uint64_t from, std::uint64_t to) {
  const Bytes zeros(1 << 20, '\0');
  while (from < to) {
    const std::size_t step = std::min<std::uint64_t>(zeros.size(), to - from);
    RETURN_IF_ERROR(file.write(from, BytesView(zeros).substr(0, step)));
    from += step;
  }
  return {};
}

enum class Room { kWritten, kReserved, kRecycled };

// The file gets its final name only when it is whole and durable: a named segment is never torn.
Result<Segment> make(FileSystem& files, const std::string& directory, Segment segment, Room room,
                     const std::string& draft) {
  const auto how =
      room == Room::kRecycled ? FileSystem::Open::kExisting : FileSystem::Open::kCreateOrTruncate;
  Result<std::unique_ptr<File>> file = files.open(draft, how);
  if (!file.ok()) return file.error();
  segment.file = std::move(*file);

  Status status;
  if (room == Room::kReserved) status = segment.file->reserve(segment.bytes);
  if (status.ok()) status = segment.file->write(0, encode_header(segment));
  if (status.ok() && room == Room::kWritten) {
    status = write_zeros(*segment.file, kSegmentHeaderBytes, segment.bytes);
  }
  if (status.ok()) status = segment.file->sync_data_in_pieces();
  if (status.ok()) status = files.rename(draft, segment.path);
  if (status.ok()) status = files.sync_directory(directory);
  if (!status.ok()) {
    segment.file.reset();
    // What is left of it would only take up room; the first error is the one to report.
    (void)files.remove(draft);
    return status;
  }
  return segment;
}

Segment plan(const std::string& directory, std::uint64_t sequence, std::uint64_t salt,
             std::uint64_t bytes) {
  Segment segment;
  segment.path = segment_path(directory, sequence);
  segment.sequence = sequence;
  segment.salt = salt;
  segment.bytes = bytes;
  return segment;
}

}  // namespace

void forget_entries_from(std::deque<Segment>& segments, Index index) {
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (!segment->has_entries()) continue;
    if (segment->entries_end() <= index) return;
    const std::uint64_t first = segment->first.value();
    const std::uint64_t keep = index.value() > first ? index.value() - first : 0;
    segment->offsets.resize(static_cast<std::size_t>(keep));
  }
}

std::string segment_path(const std::string& directory, std::uint64_t sequence) {
  return fmt::format("{}/{:016x}.seg", directory, sequence);
}

std::optional<std::uint64_t> segment_sequence(const std::string& file_name) {
  constexpr std::size_t kDigits = 16;
  if (file_name.size() != kDigits + 4 || !file_name.ends_with(".seg")) return std::nullopt;
  std::uint64_t sequence = 0;
  const char* end = file_name.data() + kDigits;
  const auto [stop, error] = std::from_chars(file_name.data(), end, sequence, 16);
  if (error != std::errc() || stop != end) return std::nullopt;
  return sequence;
}

Result<Segment> make_segment(FileSystem& files, const std::string& directory,
                             std::uint64_t sequence, std::uint64_t salt, std::uint64_t bytes,
                             const std::string& recycled) {
  Segment segment = plan(directory, sequence, salt, bytes);
  const std::string draft = segment.path + ".new";
  if (recycled.empty()) return make(files, directory, std::move(segment), Room::kWritten, draft);
  if (Status renamed = files.rename(recycled, draft); !renamed.ok()) return renamed;
  // Durably, before its header changes: under its old name a file must have its old header.
  if (Status synced = files.sync_directory(directory); !synced.ok()) return synced;
  return make(files, directory, std::move(segment), Room::kRecycled, draft);
}

Result<Segment> make_segment_unwritten(FileSystem& files, const std::string& directory,
                                       std::uint64_t sequence, std::uint64_t salt,
                                       std::uint64_t bytes) {
  Segment segment = plan(directory, sequence, salt, bytes);
  const std::string draft = segment.path + ".new";
  return make(files, directory, std::move(segment), Room::kReserved, draft);
}

Result<Record> read_record(const Segment& segment, std::uint64_t offset, Bytes& buffer) {
  buffer.resize(kRecordHeaderBytes);
  Result<std::size_t> got = segment.file->read(offset, buffer.data(), buffer.size());
  if (!got.ok()) return got.error();
  // What a damaged header claims is no more than the file.
  const std::uint64_t length = load_number<std::uint32_t>(&buffer[8]);
  buffer.resize(kRecordHeaderBytes + std::min(length, segment.bytes));
  got = segment.file->read(offset, buffer.data(), buffer.size());
  if (!got.ok()) return got.error();
  const std::optional<Record> record = decode_record(buffer, segment.salt);
  if (record) return *record;
  return Status(Code::kFailed, fmt::format("{} is damaged at offset {}", segment.path, offset));
}

Result<Segment> open_segment(FileSystem& files, const std::string& path) {
  Segment segment;
  segment.path = path;
  Result<std::unique_ptr<File>> file = files.open(path, FileSystem::Open::kExisting);
  if (!file.ok()) return file.error();
  segment.file = std::move(*file);

  Bytes header(kHeaderUsed, '\0');
  Result<std::size_t> got = segment.file->read(0, header.data(), header.size());
  if (!got.ok()) return got.error();
  Result<std::uint64_t> size = segment.file->size();
  if (!size.ok()) return size.error();
  segment.sequence = load_number<std::uint64_t>(&header[8]);
  segment.salt = load_number<std::uint64_t>(&header[16]);
  segment.bytes = load_number<std::uint64_t>(&header[24]);
  const bool intact = *got == kHeaderUsed && header.starts_with(kMagic) &&
                      load_number<std::uint64_t>(&header[32]) == XXH3_64bits(header.data(), 32) &&
                      *size <= segment.bytes &&
                      segment_path(parent_directory(path), segment.sequence) == path;
  if (!intact) return Status(Code::kFailed, "the header of " + path + " is damaged");
  return segment;
}

Status make_whole(Segment& segment) {
  Result<std::uint64_t> size = segment.file->size();
  if (!size.ok()) return size.error();
  if (*size == segment.bytes) return {};
  RETURN_IF_ERROR(write_zeros(*segment.file, *size, segment.bytes));
  return segment.file->sync_data();
}

}  // namespace rqlite::raft
