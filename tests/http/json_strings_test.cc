#include "http/json_strings.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace rqlite::http {
namespace {

using namespace std::string_literals;

// What the JSON string `inner`, without its quotes, stands for.
std::optional<Bytes> decoded(const std::string& inner) {
  const std::string closed = inner + '"';
  Bytes text = "left over";
  if (!decode_json_string(closed.c_str(), text)) return std::nullopt;
  return text;
}

TEST(DecodeJsonStringTest, TakesEscapesForWhatTheyStandFor) {
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded("plain \u00e9"), "plain \u00e9");
  EXPECT_EQ(decoded(R"(\"\\\/\b\f\n\r\t)"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(decoded(R"(\u0041\u00e9\u20AC\u0000x)"), "A\u00e9\u20ac\0x"s);
}

TEST(DecodeJsonStringTest, JoinsSurrogatesAndReplacesLoneOnes) {
  EXPECT_EQ(decoded(R"(\ud83d\ude00)"), "\U0001f600");
  EXPECT_EQ(decoded(R"(\ud83dx)"), "\ufffdx");
  EXPECT_EQ(decoded(R"(\ude00)"), "\ufffd");
  EXPECT_EQ(decoded(R"(\ud83d\u0041)"), "\ufffdA");
  EXPECT_EQ(decoded(R"(\ud83d\ud83d\ude00)"), "\ufffd\U0001f600");
  EXPECT_EQ(decoded(R"(\ud83d\n)"), "\ufffd\n");
}

TEST(DecodeJsonStringTest, RefusesOtherEscapes) {
  for (const char* inner : {R"(\x41)", R"(\u12)", R"(\u12g4)", R"(\')", R"(\0)", R"(\ud83d\u12)"}) {
    EXPECT_EQ(decoded(inner), std::nullopt) << inner;
  }
}

TEST(ReplaceInvalidUtf8Test, ReplacesEachBadByte) {
  EXPECT_EQ(replace_invalid_utf8("good \u00e9\u20ac\U0001f600"), "good \u00e9\u20ac\U0001f600");
  EXPECT_EQ(replace_invalid_utf8("a\xff\xfe z"), "a\ufffd\ufffd z");
  EXPECT_EQ(replace_invalid_utf8("\xe2\x82"), "\ufffd\ufffd");
  EXPECT_EQ(replace_invalid_utf8(""), "");
}

TEST(Utf8SequenceTest, KnowsTheLimitsOfWellFormedness) {
  EXPECT_EQ(utf8_sequence_length("\xc2\x80"), 2u);
  EXPECT_EQ(utf8_sequence_length("\xc1\x80"), 0u);
  EXPECT_EQ(utf8_sequence_length("\xe0\xa0\x80"), 3u);
  EXPECT_EQ(utf8_sequence_length("\xe0\x9f\x80"), 0u);
  EXPECT_EQ(utf8_sequence_length("\xed\x9f\xbf"), 3u);
  EXPECT_EQ(utf8_sequence_length("\xed\xa0\x80"), 0u);
  EXPECT_EQ(utf8_sequence_length("\xf0\x90\x80\x80"), 4u);
  EXPECT_EQ(utf8_sequence_length("\xf0\x8f\x80\x80"), 0u);
  EXPECT_EQ(utf8_sequence_length("\xf4\x8f\xbf\xbf"), 4u);
  EXPECT_EQ(utf8_sequence_length("\xf4\x90\x80\x80"), 0u);
  EXPECT_EQ(utf8_sequence_length("\xf5\x80\x80\x80"), 0u);
  EXPECT_EQ(utf8_sequence_length("\x80"), 0u);
}

}  // namespace
}  // namespace rqlite::http
