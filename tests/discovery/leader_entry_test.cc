#include "discovery/leader_entry.h"

#include <gtest/gtest.h>

namespace rqlite::discovery {
namespace {

TEST(LeaderEntryTest, IsTheJsonThatUsersKnow) {
  EXPECT_EQ((LeaderEntry{"1", "http://h:4001", "h:4002", ""}.to_json()),
            R"({"id":"1","api_addr":"http://h:4001","addr":"h:4002"})");
  EXPECT_EQ((LeaderEntry{"1", "", "h:4002", ""}.to_json()), R"({"id":"1","addr":"h:4002"})");
}

TEST(LeaderEntryTest, AClaimSaysWhose) {
  const LeaderEntry claim{"1", "http://h:4001", "h:4002", "a7"};
  EXPECT_TRUE(claim.is_claim());
  EXPECT_EQ(claim.to_json(),
            R"({"id":"1","api_addr":"http://h:4001","addr":"h:4002","founder":"a7"})");
}

TEST(LeaderEntryTest, ReadsWhatItWrites) {
  for (const LeaderEntry& entry :
       {LeaderEntry{"1", "http://h:4001", "h:4002", ""}, LeaderEntry{"", "", "h:4002", "f"},
        LeaderEntry{"a\"\\\n\x01\u00e9", "x", "y", ""}}) {
    const Result<LeaderEntry> read = LeaderEntry::parse(entry.to_json());
    ASSERT_TRUE(read.ok()) << read.error().text();
    EXPECT_EQ(*read, entry);
  }
}

TEST(LeaderEntryTest, WhatNamesNobodyToJoinIsNone) {
  for (const char* json : {"", "{}", "[]", "x", R"({"id":"1"})", R"({"addr":1})"}) {
    EXPECT_FALSE(LeaderEntry::parse(json).ok()) << json;
  }
}

}  // namespace
}  // namespace rqlite::discovery
