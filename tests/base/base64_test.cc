#include "base/base64.h"

#include <gtest/gtest.h>

#include <string>

namespace rqlite {
namespace {

std::string base64(BytesView bytes) {
  Bytes text;
  append_base64(text, bytes);
  return text;
}

TEST(Base64Test, IsTheStandardOnePadded) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\x01\x02\xff"), "AQL/");
  EXPECT_EQ(base64("\xfb\xef\xbe"), "++++");
}

TEST(Base64Test, DecodesWhatItEncodes) {
  Bytes all;
  for (int i = 0; i < 256; i++) {
    EXPECT_EQ(decode_base64(base64(all)), all);
    all += static_cast<char>(i);
  }
}

TEST(Base64Test, DecodesNothingElse) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "=", "====", "Zh==", "Zm9", "Zm 9", "Zm9-",
                           "Z===", "Zg==Zg==", "Zm9v\n"}) {
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace rqlite
