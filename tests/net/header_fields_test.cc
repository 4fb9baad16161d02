#include "net/header_fields.h"

#include <gtest/gtest.h>

namespace rqlite::net {
namespace {

TEST(HeaderFieldsTest, NamesAreFoundInAnyCase) {
  const HeaderFields fields = {{"A", "1"}, {"b-C", "2"}, {"B-c", "3"}};
  EXPECT_EQ(find_field(fields, "a"), "1");
  EXPECT_EQ(find_field(fields, "B-C"), "2");
  EXPECT_EQ(find_field(fields, "b"), std::nullopt);
}

TEST(HeaderFieldsTest, TokensHoldNothingThatEndsThem) {
  EXPECT_TRUE(is_token("X-Rqlite_1.2~"));
  for (const std::string text : {"", "a b", "a:", "a\r", "a\n", "a\t", "\xc3\xa4", "a\"", "a/b"}) {
    EXPECT_FALSE(is_token(text)) << text;
  }
  EXPECT_FALSE(is_token(std::string("a\0", 2)));
}

TEST(HeaderFieldsTest, ValuesStayOnTheirLine) {
  EXPECT_TRUE(is_field_value(""));
  EXPECT_TRUE(is_field_value("text, with \"all\"\tand \xc3\xa4"));
  for (const std::string text : {"a\r\nB: c", "a\n", "a\r", "\x7f", "\x1b"}) {
    EXPECT_FALSE(is_field_value(text));
  }
  EXPECT_FALSE(is_field_value(std::string("a\0b", 3)));
}

}  // namespace
}  // namespace rqlite::net
