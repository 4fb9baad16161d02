#include "http/json_tree.h"

#include <gtest/gtest.h>

namespace rqlite::http {
namespace {

JsonTree sample() {
  JsonTree tree;
  tree["store"]["open"] = JsonTree::boolean(true);
  tree["store"]["nodes"] = JsonTree::array({JsonTree::text("a"), JsonTree::null(), JsonTree()});
  tree["a<b"] = JsonTree::integer(-1);
  tree["http"]["queue"]["_default"] = JsonTree::number(18446744073709551615u);
  return tree;
}

TEST(JsonTreeTest, ObjectsKeepTheirKeysSorted) {
  EXPECT_EQ(sample().to_json(),
            R"({"a\u003cb":-1,"http":{"queue":{"_default":18446744073709551615}},)"
            R"("store":{"nodes":["a",null,{}],"open":true}})");
}

TEST(JsonTreeTest, RecordsKeepTheirOrderUnlessToldToSort) {
  JsonTree record = JsonTree::record();
  record["id"] = JsonTree::text("n");
  record["addr"]["z"] = JsonTree::real(0.5);
  record["addr"]["a"] = JsonTree();
  record["id"] = JsonTree::text("m");
  EXPECT_EQ(record.to_json(), R"({"id":"m","addr":{"a":{},"z":0.5}})");
  EXPECT_EQ(record.to_json(JsonTree::Records::kSorted), R"({"addr":{"a":{},"z":0.5},"id":"m"})");
  EXPECT_EQ(record.at("addr.z").to_json(), "0.5");
  EXPECT_EQ(JsonTree::array({record}).to_json(JsonTree::Records::kSorted),
            R"([{"addr":{"a":{},"z":0.5},"id":"m"}])");
}

TEST(JsonTreeTest, IsAnEmptyObjectToBeginWith) {
  EXPECT_EQ(JsonTree().to_json(), "{}");
  EXPECT_EQ(JsonTree::array({}).to_json(), "[]");
  EXPECT_EQ(JsonTree::text("").to_json(), "\"\"");
  EXPECT_EQ(JsonTree::boolean(false).to_json(), "false");
}

TEST(JsonTreeTest, FollowsAPathOfNames) {
  const JsonTree tree = sample();
  EXPECT_EQ(tree.at("").to_json(), tree.to_json());
  EXPECT_EQ(tree.at("store.open").to_json(), "true");
  EXPECT_EQ(tree.at("http.queue").to_json(), R"({"_default":18446744073709551615})");
  EXPECT_EQ(tree.at("store.nothing.here").to_json(), "{}");
  EXPECT_EQ(tree.at("store.").to_json(), "{}");
  EXPECT_EQ(tree.at(".store").to_json(), "{}");
}

TEST(JsonTreeTest, WhatIsNoObjectEndsThePath) {
  EXPECT_EQ(sample().at("store.open.further").to_json(), "true");
  EXPECT_EQ(sample().at("store.nodes.0").to_json(), R"(["a",null,{}])");
}

}  // namespace
}  // namespace rqlite::http
