#include "discovery/environment.h"

#include <gtest/gtest.h>

#include <map>

namespace rqlite::discovery {
namespace {

std::string expand(std::string_view text) {
  const std::map<std::string, std::string> variables{
      {"HOST", "a.b"}, {"H_2", "two"}, {"QUOTED", "\"$HOST\""}, {"1", "never"}};
  return expand_environment(text, [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end() || name == "1") return std::nullopt;
    return found->second;
  });
}

TEST(EnvironmentTest, NamesBecomeValues) {
  EXPECT_EQ(expand("$HOST:1"), "a.b:1");
  EXPECT_EQ(expand("${HOST}x$H_2"), "a.bxtwo");
  EXPECT_EQ(expand("$HOST$HOST"), "a.ba.b");
}

TEST(EnvironmentTest, ValuesAreNotLookedAtAgainNorEscaped) {
  EXPECT_EQ(expand("{$QUOTED}"), "{\"$HOST\"}");
}

TEST(EnvironmentTest, WhatIsNotSetIsEmpty) {
  EXPECT_EQ(expand("<$HOSTS>"), "<>");
  EXPECT_EQ(expand("<${NONE}>"), "<>");
}

TEST(EnvironmentTest, NamesOfOneCharacterVanish) {
  EXPECT_EQ(expand("pa$1word"), "paword");
  EXPECT_EQ(expand("a$$b$*c$?d"), "abcd");
  EXPECT_EQ(expand("${?}"), "");
}

TEST(EnvironmentTest, ADollarBeforeAnythingElseStays) {
  EXPECT_EQ(expand("a$ b$.c$"), "a$ b$.c$");
  EXPECT_EQ(expand("$\"x\""), "$\"x\"");
  EXPECT_EQ(expand(""), "");
}

TEST(EnvironmentTest, BracesThatHoldNoNameVanish) {
  EXPECT_EQ(expand("<${}>"), "<>");
  EXPECT_EQ(expand("<${a b}>"), "<>");
  EXPECT_EQ(expand("<${HOST"), "<HOST");
}

TEST(EnvironmentTest, TheProcessHasOne) {
  EXPECT_TRUE(process_environment()("PATH").has_value());
  EXPECT_FALSE(process_environment()("RQLITE_NOBODY_SETS_THIS").has_value());
}

}  // namespace
}  // namespace rqlite::discovery
