#include "net/frame_reader.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace rqlite::net {

Result<std::optional<Bytes>> FrameReader::take(BytesView& bytes) {
  const std::size_t of_head = std::min(bytes.size(), kFrameHeadBytes - head_bytes_);
  std::copy_n(bytes.data(), of_head, head_ + head_bytes_);
  head_bytes_ += of_head;
  bytes.remove_prefix(of_head);
  if (head_bytes_ < kFrameHeadBytes) return std::optional<Bytes>();
  const std::size_t size = load_number<std::uint32_t>(head_);
  if (size > frame_bytes_max_) {
    return Status(Code::kInvalid, "a frame of " + std::to_string(size) + " bytes, where " +
                                      std::to_string(frame_bytes_max_) + " are allowed");
  }
  const BytesView more = bytes.substr(0, size - begun_.size());
  begun_ += more;
  bytes.remove_prefix(more.size());
  if (begun_.size() < size) return std::optional<Bytes>();
  head_bytes_ = 0;
  return std::optional<Bytes>(std::exchange(begun_, {}));
}

}  // namespace rqlite::net
