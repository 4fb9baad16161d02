#include "cluster/packed_part.h"

#include <zstd.h>

#include "base/check.h"

namespace rqlite::cluster {
namespace {

constexpr int kLevel = 1;

}  // namespace

Bytes pack(BytesView bytes) {
  Bytes packed(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size =
      ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), kLevel);
  CHECK(ZSTD_isError(size) == 0);  // there is room, and else only memory can lack
  packed.resize(size);
  return packed;
}

std::optional<Bytes> unpack(BytesView packed, std::size_t bytes_max) {
  // Said in front, and checked before there is room for it.
  const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > bytes_max) {
    return std::nullopt;
  }
  Bytes bytes(static_cast<std::size_t>(size), '\0');
  const std::size_t got = ZSTD_decompress(bytes.data(), bytes.size(), packed.data(), packed.size());
  if (ZSTD_isError(got) != 0 || got != bytes.size()) return std::nullopt;
  return bytes;
}

}  // namespace rqlite::cluster
