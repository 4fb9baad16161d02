#include "base/json_members.h"

#include <gtest/gtest.h>

#include <string_view>

namespace rqlite {
namespace {

TEST(JsonMembersTest, NothingIsAnEmptyObject) { EXPECT_EQ(JsonMembers().to_json(), "{}"); }

TEST(JsonMembersTest, MembersStandInTheOrderInWhichTheyCame) {
  JsonMembers members;
  members.add("b", "2");
  members.add_json("a", R"([1,{"c":null}])");
  EXPECT_EQ(members.to_json(), R"({"b":"2","a":[1,{"c":null}]})");
}

TEST(JsonMembersTest, AnEmptyTextIsAMemberUnlessItIsToBeLeftOut) {
  JsonMembers members;
  members.add("a", "");
  members.add_unless_empty("b", "");
  members.add_unless_empty("c", "x");
  EXPECT_EQ(members.to_json(), R"({"a":"","c":"x"})");
}

TEST(JsonMembersTest, WhatWouldEndATextIsEscaped) {
  JsonMembers members;
  members.add("a\"b", std::string_view("q\" s\\ n\n z\0 u\x1f", 14));
  EXPECT_EQ(members.to_json(), R"({"a\"b":"q\" s\\ n\u000a z\u0000 u\u001f"})");
}

TEST(JsonMembersTest, OtherBytesStayAsTheyAre) {
  JsonMembers members;
  members.add("a", "ü\x7f</");
  EXPECT_EQ(members.to_json(), "{\"a\":\"ü\x7f</\"}");
}

}  // namespace
}  // namespace rqlite
