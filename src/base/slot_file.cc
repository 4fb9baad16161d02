#include "base/slot_file.h"

#include <xxhash.h>

#include <optional>
#include <utility>

namespace rqlite {
namespace {

// A slot, 64 KiB, little-endian:
//
//   offset  size  content
//        0     8  checksum: XXH3-64 of everything from offset 8 to the end of the value
//        8     8  sequence number of the value, from 1; even ones live in the first slot
//       16     8  length of the value
//       24     n  the value
constexpr std::size_t kSlotBytes = 64 * 1024;
constexpr std::size_t kHeaderBytes = 24;
static_assert(SlotFile::kValueBytesMax + kHeaderBytes <= kSlotBytes);

struct Slot {
  std::uint64_t sequence;
  Bytes value;
};

Bytes encode(std::uint64_t sequence, BytesView value) {
  Bytes bytes(8, '\0');
  append_number(bytes, sequence);
  append_number(bytes, static_cast<std::uint64_t>(value.size()));
  bytes.append(value);
  const std::uint64_t checksum = XXH3_64bits(bytes.data() + 8, bytes.size() - 8);
  std::memcpy(bytes.data(), &checksum, sizeof checksum);
  return bytes;
}

std::optional<Slot> decode(BytesView bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  const auto length = load_number<std::uint64_t>(bytes.data() + 16);
  if (length > bytes.size() - kHeaderBytes) return std::nullopt;
  const std::size_t end = kHeaderBytes + static_cast<std::size_t>(length);
  if (load_number<std::uint64_t>(bytes.data()) != XXH3_64bits(bytes.data() + 8, end - 8)) {
    return std::nullopt;
  }
  return Slot{load_number<std::uint64_t>(bytes.data() + 8),
              Bytes(bytes.substr(kHeaderBytes, static_cast<std::size_t>(length)))};
}

std::uint64_t slot_offset(std::uint64_t sequence) { return sequence % 2 * kSlotBytes; }

}  // namespace

Result<SlotFile> SlotFile::open(FileSystem& files, const std::string& path, BytesView initial) {
  Result<bool> exists = files.exists(path);
  if (!exists.ok()) return exists.error();
  if (!*exists) {
    Bytes content(2 * kSlotBytes, '\0');
    const Bytes first = encode(1, initial);
    content.replace(slot_offset(1), first.size(), first);
    if (Status made = files.replace_file(path, content); !made.ok()) return made;
  }
  Result<std::unique_ptr<File>> file = files.open(path, FileSystem::Open::kExisting);
  if (!file.ok()) return file.error();
  Bytes content(2 * kSlotBytes, '\0');
  Result<std::size_t> got = (*file)->read(0, content.data(), content.size());
  if (!got.ok()) return got.error();

  std::optional<Slot> newest;
  std::optional<std::uint64_t> damaged_at;
  for (std::size_t at = 0; at < content.size(); at += kSlotBytes) {
    const BytesView bytes = BytesView(content).substr(at, kSlotBytes);
    std::optional<Slot> slot = decode(bytes);
    if (!slot && bytes.find_first_not_of('\0') != BytesView::npos) damaged_at = at;
    if (slot && (!newest || slot->sequence > newest->sequence)) newest = std::move(slot);
  }
  if (!newest) return Status(Code::kFailed, path + " is damaged: neither of its copies is intact");
  // What was read may still be on its way to the disk, if the process alone died: the next value
  // overwrites the other slot, so this one has to be safe first, and so has the file's name.
  if (Status synced = (*file)->sync_data(); !synced.ok()) return synced;
  if (Status synced = files.sync_directory(parent_directory(path)); !synced.ok()) return synced;
  return SlotFile(std::move(*file), newest->sequence, std::move(newest->value), damaged_at);
}

Status SlotFile::replace(BytesView value) {
  CHECK(value.size() <= kValueBytesMax);
  RETURN_IF_ERROR(file_->write(slot_offset(sequence_ + 1), encode(sequence_ + 1, value)));
  RETURN_IF_ERROR(file_->sync_data());
  sequence_++;
  value_ = value;
  return {};
}

}  // namespace rqlite
