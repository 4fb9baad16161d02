#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "raft/record.h"
#include "raft/types.h"

namespace rqlite::raft {

// A file of the log: a header of kSegmentHeaderBytes, then records. It is written full of zeros,
// or is an older segment that is used again, so that an append changes blocks that the file
// already has and its sync needs no entry in the file system's journal.
//
// Header, little-endian:
//
//   offset  size  content
//        0     8  "RQLOG001"
//        8     8  sequence number; segments are read in its order, and it is in the file's name
//       16     8  salt: seeds the records' checksums, so that what a recycled file held before
//                 never looks like a record
//       24     8  size of the file
//       32     8  checksum: XXH3-64 of the 32 bytes before
inline constexpr std::size_t kSegmentHeaderBytes = 4096;

struct Segment {
  std::string path;
  std::uint64_t sequence = 0;
  std::uint64_t salt = 0;
  std::uint64_t bytes = 0;  // of the whole file
  std::unique_ptr<File> file;

  std::uint64_t end = kSegmentHeaderBytes;  // where the next record goes
  // Entry `first + i` stands at offset offsets[i] * 8.
  Index first;
  std::vector<std::uint32_t> offsets;

  [[nodiscard]] bool has_entries() const { return !offsets.empty(); }
  // Where the record of entry `index` stands. Precondition: it is one of the segment's.
  [[nodiscard]] std::uint64_t offset_of(Index index) const {
    return offsets[static_cast<std::size_t>(index.value() - first.value())] * std::uint64_t{8};
  }
  // One past the last entry; `first` if there is none.
  [[nodiscard]] Index entries_end() const { return Index(first.value() + offsets.size()); }
};

// Entries from `index` on are replaced: takes them out of `segments`.
void forget_entries_from(std::deque<Segment>& segments, Index index);

// "<directory>/<sequence as 16 hex digits>.seg"
std::string segment_path(const std::string& directory, std::uint64_t sequence);

// The sequence number in a file name made by segment_path; nullopt for any other name.
std::optional<std::uint64_t> segment_sequence(const std::string& file_name);

// Makes an empty segment of `bytes`, durably. `recycled`, if not empty, is a file of that size
// which is no longer needed and becomes the segment; otherwise a new file is written. kDiskFull
// leaves nothing behind.
Result<Segment> make_segment(FileSystem& files, const std::string& directory,
                             std::uint64_t sequence, std::uint64_t salt, std::uint64_t bytes,
                             const std::string& recycled);

// As make_segment for a new file, but only reserves the room: quick, for a single huge entry.
Result<Segment> make_segment_unwritten(FileSystem& files, const std::string& directory,
                                       std::uint64_t sequence, std::uint64_t salt,
                                       std::uint64_t bytes);

// Reads the record at `offset` into `buffer`, to which its payload points. kFailed if there is no
// intact one.
Result<Record> read_record(const Segment& segment, std::uint64_t offset, Bytes& buffer);

// Opens the segment at `path` and reads its header; `end` and the entries are still unknown. The
// file may have been cut short: then it is read as if zeros followed, until make_whole().
Result<Segment> open_segment(FileSystem& files, const std::string& path);

// Gives a file that was cut short its size again, full of zeros and durably.
Status make_whole(Segment& segment);

}  // namespace rqlite::raft
