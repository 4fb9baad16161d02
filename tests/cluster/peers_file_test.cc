#include "cluster/peers_file.h"

#include <gtest/gtest.h>

namespace rqlite::cluster {
namespace {

std::string refusal_of(const char* json) {
  const auto peers = parse_peers_file(json);
  return peers.ok() ? "" : peers.error().text();
}

TEST(PeersFileTest, NamesMembersAndWhetherTheyVote) {
  const auto peers = parse_peers_file(
      R"([{"id":"1","address":"10.1.0.1:4002","non_voter":false},
          {"id":"2","address":"10.1.0.2:4002","color":"red"},
          {"id":"3","address":"[::1]:4002","non_voter":true}])");
  ASSERT_TRUE(peers.ok());
  ASSERT_EQ(peers->size(), 3u);
  EXPECT_EQ((*peers)[0].node_id, "1");
  EXPECT_EQ((*peers)[0].raft_address, "10.1.0.1:4002");
  EXPECT_TRUE((*peers)[0].votes);
  EXPECT_TRUE((*peers)[1].votes);
  EXPECT_FALSE((*peers)[2].votes);
  EXPECT_TRUE(check_addresses(*peers).ok());
}

TEST(PeersFileTest, WhatIsNoClusterIsRefused) {
  EXPECT_EQ(refusal_of(R"([{"id":"","address":"a:1"}])"),
            "empty ID in configuration: {[{Voter  a:1}]}");
  EXPECT_EQ(refusal_of(R"([{"address":"a:1"},{"id":"2","address":"b:1"}])"),
            "empty ID in configuration: {[{Voter  a:1} {Voter 2 b:1}]}");
  EXPECT_EQ(refusal_of(R"([{"id":"1"}])"), "empty address in configuration: {Voter 1 }");
  EXPECT_EQ(refusal_of(R"([{"id":"1","address":"a:1"},{"id":"1","address":"b:1"}])"),
            "found duplicate ID in configuration: 1");
  EXPECT_EQ(refusal_of(R"([{"id":"1","address":"a:1"},{"id":"2","address":"a:1"}])"),
            "found duplicate address in configuration: a:1");
  EXPECT_EQ(refusal_of("[]"), "need at least one voter in configuration: {[]}");
  EXPECT_EQ(refusal_of(R"([{"id":"1","address":"a:1","non_voter":true}])"),
            "need at least one voter in configuration: {[{Nonvoter 1 a:1}]}");
}

TEST(PeersFileTest, WhatIsNoSuchJsonIsRefused) {
  for (const char* json :
       {"", "[", "null", "{}", "1", "[1]", R"([{"id":1,"address":"a:1"}])",
        R"([{"id":"1","address":["a:1"]}])", R"([{"id":"1","address":"a:1","non_voter":"no"}])",
        R"([{"id":"1","address":"a:1"}] x)"}) {
    EXPECT_TRUE(refusal_of(json).starts_with("invalid JSON: ")) << json << ": " << refusal_of(json);
  }
}

TEST(PeersFileTest, AddressesAreThoseOfNodes) {
  auto wrong = [](const char* address) { return check_addresses({{"1", address, true}}).text(); };
  EXPECT_EQ(wrong("http://a:1"), "protocol specified in address: http://a:1");
  for (const char* address : {"a", "a:", ":1", "a:b:1", "[]:1", "a b:1", "::1", "a/b:1"}) {
    EXPECT_EQ(wrong(address), std::string("invalid address in configuration: ") + address);
  }
  for (const char* address : {"a:1", "[::1]:4002", "node.example:4002"}) {
    EXPECT_TRUE(check_addresses({{"1", address, true}}).ok()) << address;
  }
}

}  // namespace
}  // namespace rqlite::cluster
