#include "http/bcrypt.h"

#include <gtest/gtest.h>

#include <string>

namespace rqlite::http {
namespace {

using namespace std::string_literals;

// Well-known test vectors of the algorithm.
constexpr const char* kOfUU = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
constexpr const char* kOfUUStar = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK";

constexpr const char* kOfSecret = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.4K7lyz.nKATbsiu/RcZjqWyDNnj87qG";
constexpr const char* kOfNothing = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.Cg0ly9t/KVBCBYYDfOmZKwry9JuXClC";
constexpr const char* kOf72 = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.ug0A3dTXhy5U.dFjx/qguZ8I4CB77BC";

TEST(BcryptTest, MatchesOnlyThePasswordOfAHash) {
  EXPECT_TRUE(bcrypt_matches(kOfUU, "U*U"));
  EXPECT_TRUE(bcrypt_matches(kOfUUStar, "U*U*"));
  for (const char* other : {"", "U*u", "U*U*", "U*", " U*U", "U*U "}) {
    EXPECT_FALSE(bcrypt_matches(kOfUU, other)) << other;
  }
}

TEST(BcryptTest, KnowsTheThreeVersionsInUse) {
  EXPECT_TRUE(bcrypt_matches(kOfSecret, "secret"));
  EXPECT_TRUE(
      bcrypt_matches("$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", "secret"));
  EXPECT_TRUE(
      bcrypt_matches("$2a$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a", "secret"));
}

TEST(BcryptTest, APasswordMayBeEmpty) {
  EXPECT_TRUE(bcrypt_matches(kOfNothing, ""));
  EXPECT_FALSE(bcrypt_matches(kOfNothing, "x"));
}

TEST(BcryptTest, AHashIsNotItsOwnPassword) { EXPECT_FALSE(bcrypt_matches(kOfSecret, kOfSecret)); }

TEST(BcryptTest, AZeroByteDoesNotEndAPassword) {
  EXPECT_FALSE(bcrypt_matches(kOfSecret, "secret\0"s));
  EXPECT_FALSE(bcrypt_matches(kOfSecret, "secret\0more"s));
  EXPECT_FALSE(bcrypt_matches(kOfNothing, "\0"s));
}

TEST(BcryptTest, OnlyTheFirst72BytesCount) {
  const std::string password(72, 'x');
  EXPECT_TRUE(bcrypt_matches(kOf72, password));
  EXPECT_TRUE(bcrypt_matches(kOf72, password + "and more"));
  EXPECT_TRUE(bcrypt_matches(kOf72, password + std::string(100000, 'y')));
  EXPECT_FALSE(bcrypt_matches(kOf72, password.substr(1)));
}

TEST(BcryptTest, TellsAHashFromAPasswordInClear) {
  EXPECT_EQ(bcrypt_cost(kOfUU), 5);
  EXPECT_EQ(bcrypt_cost(kOfSecret), 4);
  const std::string rest = std::string(kOfSecret).substr(6);
  EXPECT_EQ(bcrypt_cost("$2b$12" + rest), 12);
  for (const std::string& text : {
           ""s, "secret"s, "$2b$"s, "$2b$04$"s, std::string(60, 'x'),
           kOfSecret + "x"s,                      // too long
           std::string(kOfSecret).substr(0, 59),  // too short
           "$2x$04" + rest,                       // of a broken version
           "$2$004" + rest, "$1b$04" + rest, "$2b$4." + rest,
           "$2b$03" + rest,  // out of bounds
           "$2b$00" + rest, "$2b$17" + rest, "$2b$31" + rest, "$2b$99" + rest,
           "$2b$04$CCCCCCCCCCCCCCCCCCCCC.4K7lyz.nKATbsiu:RcZjqWyDNnj87qG"s,  // no such letter
       }) {
    EXPECT_EQ(bcrypt_cost(text), 0) << text;
  }
}

TEST(BcryptTest, KnowsABeginning) {
  for (const char* text : {"$2a$10$", "$2b$99$", "$2y$04$anything"}) {
    EXPECT_TRUE(begins_like_bcrypt(text)) << text;
  }
  for (const char* text : {"", "$2a$", "$2b$10", "$2x$10$", "$2b$1x$", "x$2b$10$", "2b$10$"}) {
    EXPECT_FALSE(begins_like_bcrypt(text)) << text;
  }
}

TEST(BcryptTest, AStandInIsAHashOfItsCostThatNothingMatches) {
  for (int cost = kBcryptCostMin; cost <= kBcryptCostMax; cost++) {
    EXPECT_EQ(bcrypt_cost(bcrypt_stand_in(cost)), cost);
  }
  for (const char* password : {"", "x", "secret"}) {
    EXPECT_FALSE(bcrypt_matches(bcrypt_stand_in(4), password));
  }
}

}  // namespace
}  // namespace rqlite::http
