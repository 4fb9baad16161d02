#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "store/outcome.h"

namespace rqlite::store {

// The outcomes that a snapshot keeps, in a file beside the database.
//
// The file is appended to: a snapshot costs what was kept since the last one, not all that is
// kept. How much of it counts is in the snapshot's record, so what a crash left behind that is as
// if it had never been written. When most of it is no longer kept, a new file takes its place,
// and the old one goes when a complete snapshot names the new one.
//
// Layout: records one after the other, each a length of 4 bytes, little-endian, and the record.
// Not thread-safe.
class OutcomeJournal {
 public:
  // What the snapshot's record says of it.
  struct Extent {
    std::uint64_t sequence = 0;  // in the file's name; 0: there is none
    std::uint64_t bytes = 0;
    std::uint64_t checksum = 0;  // XXH3-64 of these

    friend bool operator==(const Extent&, const Extent&) = default;
  };
  using Sink = std::function<void(OutcomeRecord)>;

  // Reads the records in `extent` and removes files that no snapshot names. kFailed, with what to
  // do, if what was durable is damaged. `files` must outlive the journal.
  static Result<std::unique_ptr<OutcomeJournal>> open(FileSystem& files, std::string directory,
                                                      const Extent& extent, const Sink& sink);
  ~OutcomeJournal();

  // Durable when it returns ok. Nothing to do for no records.
  Status append(const std::vector<OutcomeRecord>& records);

  // Begins a new file with `records`, durably; the old one stays for now.
  Status rewrite(const std::vector<OutcomeRecord>& records);
  // Whether that is due, if records of so many bytes are still kept.
  [[nodiscard]] bool wants_rewrite(std::size_t live_bytes) const;
  // The old file goes: a complete snapshot names the new one.
  Status drop_old();

  // Where the records in `extent` are, for whoever sends them to another member.
  static std::string file_of(const std::string& directory, const Extent& extent);
  // Passes the records in `bytes` on; false if these are not what `extent` says.
  static bool read_records(BytesView bytes, const Extent& extent, const Sink& sink);

  // All that was appended.
  [[nodiscard]] const Extent& extent() const { return extent_; }

 private:
  struct Checksum;  // of all bytes so far

  OutcomeJournal(FileSystem& files, std::string directory, const Extent& extent);
  [[nodiscard]] std::string path(std::uint64_t sequence) const;
  Status read(const Extent& extent, const Sink& sink);
  Status remove_others();

  FileSystem& files_;
  const std::string directory_;
  std::unique_ptr<File> file_;
  std::unique_ptr<Checksum> checksum_;
  Extent extent_;
  std::uint64_t old_ = 0;  // sequence of the file to drop; 0: none
};

}  // namespace rqlite::store
