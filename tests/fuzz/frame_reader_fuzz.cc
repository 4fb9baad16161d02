// A stream of frames, in pieces of the size that the first byte says and as a whole.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "net/frame_reader.h"

namespace {

using rqlite::Bytes;
using rqlite::BytesView;
using rqlite::net::FrameReader;

constexpr std::size_t kFrameBytesMax = 3000;

struct Seen {
  std::vector<Bytes> frames;
  std::string error;

  bool operator==(const Seen&) const = default;
};

Seen seen(BytesView stream, std::size_t piece) {
  Seen all;
  FrameReader reader(kFrameBytesMax);
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    BytesView bytes = stream.substr(at, piece);
    while (true) {
      auto frame = reader.take(bytes);
      if (!frame.ok()) {
        all.error = frame.error().text();
        return all;
      }
      if (!*frame) break;
      CHECK((*frame)->size() <= kFrameBytesMax);
      all.frames.push_back(**std::move(frame));
    }
    CHECK(bytes.empty());
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const BytesView stream(reinterpret_cast<const char*>(data + 1), size - 1);
  const Seen whole = seen(stream, stream.size() + 1);
  CHECK(whole == seen(stream, 1 + data[0]));
  // What was found, written again, is what was read.
  Bytes again;
  for (const Bytes& frame : whole.frames) {
    rqlite::append_number(again, static_cast<std::uint32_t>(frame.size()));
    again += frame;
  }
  CHECK(stream.starts_with(again));
  return 0;
}
