#include "base/bytes.h"

#include <gtest/gtest.h>

namespace rqlite {
namespace {

TEST(BytesTest, NumbersAreLittleEndian) {
  Bytes bytes;
  append_number(bytes, std::uint32_t{0x01020304});
  append_number(bytes, std::uint8_t{5});
  EXPECT_EQ(bytes, Bytes("\x04\x03\x02\x01\x05", 5));
}

TEST(BytesTest, NumbersAreReadBackFromAnyAddress) {
  Bytes bytes = "x";
  append_number(bytes, std::int64_t{-2});
  EXPECT_EQ(load_number<std::int64_t>(bytes.data() + 1), -2);
}

}  // namespace
}  // namespace rqlite
