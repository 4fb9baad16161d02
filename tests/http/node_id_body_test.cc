#include "http/node_id_body.h"

#include <gtest/gtest.h>

namespace rqlite::http {
namespace {

// The id in quotes, or the error.
std::string show(const Result<std::string>& id) {
  return id.ok() ? "'" + *id + "'" : id.error().text();
}

TEST(NodeIdBodyTest, TheNodeToRemoveStandsAlone) {
  EXPECT_EQ(show(read_node_to_remove(R"({"id":"a"})")), "'a'");
  EXPECT_EQ(show(read_node_to_remove(" {\"id\" : null} \n")), "''");
  EXPECT_EQ(show(read_node_to_remove(R"({"id":"a","id":"b"})")), "'b'");
  for (const char* body :
       {"", "null", "[]", "{}", R"({"id":1})", R"({"ID":"a"})", R"({"id":"a"} x)",
        R"({"id":"a","x":"b"})", R"({"id":"a")", R"({"id":{"id":"a"}})"}) {
    EXPECT_FALSE(read_node_to_remove(body).ok()) << body;
  }
}

TEST(NodeIdBodyTest, TheSuccessorIsTheLastIdInAnyCase) {
  EXPECT_EQ(show(read_successor(R"({"id":"a"})")), "'a'");
  EXPECT_EQ(show(read_successor(R"({"iD":"a","x":[{"id":1}],"ID":"b"} junk)")), "'b'");
  EXPECT_EQ(show(read_successor(R"({"id":"a","Id":null})")), "''");
  for (const char* any : {"{}", "null", " null ", R"({"id":null})", R"({"x":1})"}) {
    EXPECT_EQ(show(read_successor(any)), "''") << any;
  }
}

TEST(NodeIdBodyTest, WhatNamesNoSuccessorSaysWhy) {
  EXPECT_EQ(show(read_successor("")), "invalid JSON: EOF");
  EXPECT_EQ(show(read_successor("{")), "invalid JSON: unexpected EOF");
  EXPECT_EQ(show(read_successor(R"({"id":"a)")), "invalid JSON: unexpected EOF");
  EXPECT_EQ(show(read_successor("[]")), "invalid JSON: not an object");
  EXPECT_EQ(show(read_successor("\"a\"")), "invalid JSON: not an object");
  EXPECT_EQ(show(read_successor(R"({"id":1})")), "invalid JSON: id is not a string");
  EXPECT_TRUE(show(read_successor("{id}")).starts_with("invalid JSON: "));
}

}  // namespace
}  // namespace rqlite::http
