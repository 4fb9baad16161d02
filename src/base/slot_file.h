#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/file_system.h"
#include "base/result.h"

namespace rqlite {

// One small durable value that is replaced at the price of a single write and sync.
//
// The file has two slots; a new value overwrites the older one, so that a torn write leaves the
// value before it. The file never grows, which spares the metadata journal that a rename or an
// append would pay for. Not thread-safe.
class SlotFile {
 public:
  static constexpr std::size_t kValueBytesMax = 64 * 1024 - 32;

  // Opens the file, or makes it with `initial` as its value, durably, if there is none.
  // kFailed if neither slot can be read: the value is lost, which only damage can do.
  static Result<SlotFile> open(FileSystem& files, const std::string& path, BytesView initial);

  [[nodiscard]] const Bytes& value() const { return value_; }
  // Where the other slot is, if it was damaged when the file was opened: a write that a crash tore,
  // or damage to a value that was newer than this one.
  [[nodiscard]] std::optional<std::uint64_t> damaged_at() const { return damaged_at_; }

  // Durable when it returns ok. After a failure the value on disk is the old or the new one.
  // Precondition: at most kValueBytesMax bytes.
  Status replace(BytesView value);

 private:
  SlotFile(std::unique_ptr<File> file, std::uint64_t sequence, Bytes value,
           std::optional<std::uint64_t> damaged_at)
      : file_(std::move(file)),
        sequence_(sequence),
        value_(std::move(value)),
        damaged_at_(damaged_at) {}

  std::unique_ptr<File> file_;
  std::uint64_t sequence_;  // of value_; its parity is the slot
  Bytes value_;
  std::optional<std::uint64_t> damaged_at_;
};

}  // namespace rqlite
