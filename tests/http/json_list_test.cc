#include "http/json_list.h"

#include <gtest/gtest.h>

#include <string>

namespace rqlite::http {
namespace {

// What end_of_list() cuts off.
std::string behind(std::string_view text) { return std::string(text.substr(end_of_list(text))); }

TEST(JsonListTest, EndsAtItsOwnBracket) {
  EXPECT_EQ(behind("[]"), "");
  EXPECT_EQ(behind("[] x"), " x");
  EXPECT_EQ(behind(" \r\n\t[[1], {\"a\": [2]}]]"), "]");
}

TEST(JsonListTest, BracketsInStringsDoNotCount) {
  EXPECT_EQ(behind(R"(["]"] x)"), " x");
  EXPECT_EQ(behind(R"(["\"]", "\\"] x)"), " x");
}

TEST(JsonListTest, WhatIsNoListOrDoesNotEndIsLeftWhole) {
  for (const char* text : {"", "  ", "{} x", "x []", "[", "[[]", "[\"]", "[\"\\", "[\"\\\"]"}) {
    EXPECT_EQ(behind(text), "") << text;
  }
}

TEST(JsonListTest, AnObjectEndsAtItsOwnBrace) {
  EXPECT_EQ(end_of_object("{} x"), 2u);
  EXPECT_EQ(end_of_object(R"( {"a}": [{}]} })"), 13u);
  for (const char* text : {"", "[]", "{", "x {}", "{\"}"}) {
    EXPECT_EQ(end_of_object(text), std::nullopt) << text;
  }
}

TEST(JsonListTest, WhatIsOpenCanBeClosed) {
  const auto closed = [](std::string text) { return text + missing_end(text, "!"); };
  EXPECT_EQ(closed("[1, {\"a\": ["), "[1, {\"a\": [!]}]");
  EXPECT_EQ(closed("[\"a"), "[\"a\"!]");
  EXPECT_EQ(closed("[\"a\\"), "[\"a\\\\\"!]");
  EXPECT_EQ(closed("[\"a\\\\"), "[\"a\\\\\"!]");
  EXPECT_EQ(closed("[\"[{\", [\"]\"]"), "[\"[{\", [\"]\"]!]");
  for (const char* text : {"", "x", "[]", "{}", "[] x", "]", "[\"[\"]", "\"a"}) {
    EXPECT_EQ(missing_end(text, "!"), "") << text;
  }
}

}  // namespace
}  // namespace rqlite::http
