#include "raft/members.h"

#include <gtest/gtest.h>

namespace rqlite::raft {
namespace {

std::vector<RaftId> ids(std::initializer_list<std::uint64_t> values) {
  std::vector<RaftId> made;
  for (const std::uint64_t value : values) made.push_back(RaftId(value));
  return made;
}

TEST(MembersTest, ComeBackAsTheyWere) {
  const Members members{ids({1, 300, 0xFFFF'FFFF'FFFF'FFFF}), ids({2, 5})};
  const Members decoded = decode_members(encode_members(members));
  EXPECT_EQ(decoded.voters, members.voters);
  EXPECT_EQ(decoded.learners, members.learners);
}

TEST(MembersTest, NobodyIsEncodedAsNothing) {
  EXPECT_EQ(encode_members({}), "");
  EXPECT_TRUE(decode_members("").voters.empty());
}

TEST(MembersTest, AreSorted) {
  const Members decoded = decode_members(encode_members({ids({3, 1, 2}), ids({9, 8})}));
  EXPECT_EQ(decoded.voters, ids({1, 2, 3}));
  EXPECT_EQ(decoded.learners, ids({8, 9}));
}

TEST(MembersTest, AreReadInBothOfProtobufsForms) {
  // Field 1 packed: three numbers in one field.
  EXPECT_EQ(decode_members(Bytes("\x0A\x03\x01\x02\x03", 5)).voters, ids({1, 2, 3}));
  EXPECT_EQ(decode_members(Bytes("\x08\x01\x08\x02\x10\x03", 6)).learners, ids({3}));
}

TEST(MembersTest, WhatIsNoneIsNotRead) {
  EXPECT_EQ(read_members(encode_members({ids({1}), ids({2})}))->voters, ids({1}));
  for (const BytesView bytes :
       {BytesView("\x0A"), BytesView("\x0A\x03\x01\x02"), BytesView("\x0A\x01\xFF"),
        BytesView("\x09\x01\x02\x03\x04\x05\x06\x07\x08"), BytesView("\x18\x01"),
        BytesView("nonsense")}) {
    EXPECT_FALSE(read_members(bytes).has_value());
  }
}

TEST(MembersTest, KnowWhoVotes) {
  const Members members{ids({1, 2}), ids({3})};
  EXPECT_TRUE(members.is_voter(RaftId(2)));
  EXPECT_FALSE(members.is_voter(RaftId(3)));
  EXPECT_TRUE(members.contains(RaftId(3)));
  EXPECT_FALSE(members.contains(RaftId(4)));
}

}  // namespace
}  // namespace rqlite::raft
