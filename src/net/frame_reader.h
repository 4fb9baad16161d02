#pragma once

#include <cstddef>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"

namespace rqlite::net {

// A frame on the wire:
//
//   bytes  content
//   4      how many bytes its content has, little-endian
//   …      the content, which may be empty
inline constexpr std::size_t kFrameHeadBytes = 4;

// Finds the frames in a stream of bytes, however it is cut into pieces. What it holds of a frame
// that is not complete grows with what has come of it, not with what its first bytes announce.
class FrameReader {
 public:
  // A frame may have so much content.
  explicit FrameReader(std::size_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

  // Takes from the front of `bytes` what belongs to the next frame, and returns its content;
  // nothing if `bytes` is used up and more is needed. kInvalid: the frame is too large, and what
  // comes behind it cannot be told.
  Result<std::optional<Bytes>> take(BytesView& bytes);

 private:
  const std::size_t frame_bytes_max_;
  char head_[kFrameHeadBytes];
  std::size_t head_bytes_ = 0;  // have come of it
  Bytes begun_;                 // what has come of the content
};

}  // namespace rqlite::net
