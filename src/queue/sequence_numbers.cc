#include "queue/sequence_numbers.h"

#include <algorithm>

namespace rqlite::queue {
namespace {

Bytes encode(std::uint64_t bound) {
  Bytes bytes;
  append_number(bytes, bound);
  return bytes;
}

}  // namespace

Result<SequenceNumbers> SequenceNumbers::open(FileSystem& files, const std::string& path,
                                              const Clock& clock, std::uint64_t block) {
  Result<SlotFile> file = SlotFile::open(files, path, encode(0));
  if (!file.ok()) return file.error();
  if (file->value().size() != sizeof(std::uint64_t)) {
    return Status(Code::kFailed, path + " does not hold a sequence number");
  }
  const auto before = load_number<std::uint64_t>(file->value().data());
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(clock.wall_now().time_since_epoch())
          .count();
  // 0 is no number, and a clock before 1970 none to begin at.
  const std::uint64_t first =
      std::max(static_cast<std::uint64_t>(std::max<std::int64_t>(now, 1)), before);
  if (Status status = file->replace(encode(first + block)); !status.ok()) return status;
  return SequenceNumbers(std::move(*file), block, first, first + block);
}

std::optional<std::uint64_t> SequenceNumbers::next() {
  if (exhausted()) return std::nullopt;
  return next_++;
}

Result<std::uint64_t> SequenceNumbers::extend() {
  if (Status status = file_.replace(encode(durable_bound_ + block_)); !status.ok()) return status;
  durable_bound_ += block_;
  return durable_bound_;
}

}  // namespace rqlite::queue
