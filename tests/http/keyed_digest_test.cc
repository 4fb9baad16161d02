#include "http/keyed_digest.h"

#include <gtest/gtest.h>

#include <utility>

namespace rqlite::http {
namespace {

TEST(KeyedDigestTest, IsTheSameForTheSameLogin) {
  const KeyedDigest digest;
  EXPECT_EQ(digest.of({"bob", "secret"}), digest.of({"bob", "secret"}));
  EXPECT_TRUE(KeyedDigest::equal(digest.of({"", ""}), digest.of({"", ""})));
}

TEST(KeyedDigestTest, DiffersForOthers) {
  const KeyedDigest digest;
  const auto own = digest.of({"bob", "secret"});
  for (const auto& [user, password] :
       {std::pair("bob", "secreT"), std::pair("Bob", "secret"), std::pair("bobs", "ecret"),
        std::pair("bo", "bsecret"), std::pair("", "bobsecret"), std::pair("bobsecret", "")}) {
    EXPECT_FALSE(KeyedDigest::equal(digest.of({user, password}), own)) << user << ":" << password;
  }
}

TEST(KeyedDigestTest, EachHasItsOwnKey) {
  EXPECT_NE(KeyedDigest().of({"bob", "secret"}), KeyedDigest().of({"bob", "secret"}));
}

}  // namespace
}  // namespace rqlite::http
