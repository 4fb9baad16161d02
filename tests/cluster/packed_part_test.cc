#include "cluster/packed_part.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace rqlite::cluster {
namespace {

Bytes random_bytes(std::size_t size) {
  Random random(7);
  Bytes bytes;
  while (bytes.size() < size) bytes += static_cast<char>(random.below(256));
  return bytes;
}

TEST(PackedPartTest, WhatIsPackedComesOutAgain) {
  for (const Bytes& bytes : {Bytes(), Bytes("a"), Bytes(100'000, 'x'), random_bytes(100'000)}) {
    EXPECT_EQ(unpack(pack(bytes), 100'000), bytes);
  }
  EXPECT_LT(pack(Bytes(100'000, 'x')).size(), 1'000u);
}

TEST(PackedPartTest, WhatIsLargerThanItMayBeIsNotUnpacked) {
  EXPECT_EQ(unpack(pack(Bytes(100'000, 'x')), 99'999), std::nullopt);
}

TEST(PackedPartTest, WhatIsDamagedIsNotUnpacked) {
  const Bytes packed = pack(random_bytes(1'000));
  for (std::size_t size = 0; size < packed.size(); size++) {
    EXPECT_EQ(unpack(BytesView(packed).substr(0, size), 2'000), std::nullopt) << size;
  }
  EXPECT_EQ(unpack("what is this?", 2'000), std::nullopt);
}

}  // namespace
}  // namespace rqlite::cluster
