#include "http/basic_auth.h"

#include <gtest/gtest.h>

#include <string>

#include "base/base64.h"
#include "base/random.h"

namespace rqlite::http {
namespace {

using namespace std::string_literals;

std::string base64(BytesView bytes) {
  Bytes text;
  append_base64(text, bytes);
  return text;
}

// The login in the header "Basic <base64 of pair>", as "user|password"; "none" if there is none.
std::string shown(const std::optional<Login>& login) {
  return login ? login->user + "|" + login->password : "none";
}
std::string of_header(std::string_view header) { return shown(parse_basic_auth(header)); }
std::string of_pair(BytesView pair) { return of_header("Basic " + base64(pair)); }

TEST(BasicAuthTest, ReadsTheExampleOfTheStandard) {
  EXPECT_EQ(of_header("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "Aladdin|open sesame");
}

TEST(BasicAuthTest, TheSchemesCaseDoesNotCount) {
  for (const char* scheme : {"Basic ", "basic ", "BASIC ", "bAsIc "}) {
    EXPECT_EQ(of_header(scheme + "Ym9iOng="s), "bob|x") << scheme;
  }
}

TEST(BasicAuthTest, TheUserEndsAtTheFirstColon) {
  EXPECT_EQ(of_pair("bob:a:b::c:"), "bob|a:b::c:");
  EXPECT_EQ(of_pair("bob::"), "bob|:");
}

TEST(BasicAuthTest, APasswordMayBeEmpty) { EXPECT_EQ(of_pair("bob:"), "bob|"); }

TEST(BasicAuthTest, AnyByteMayComeDecoded) {
  EXPECT_EQ(of_pair("b\u00f6b:p\0\n\xff "s), "b\u00f6b|p\0\n\xff "s);
  EXPECT_EQ(of_pair(" :*"), " |*");
}

TEST(BasicAuthTest, WithoutAUserThereIsNoLogin) {
  EXPECT_EQ(of_pair(":secret"), "none");
  EXPECT_EQ(of_pair(":"), "none");
}

TEST(BasicAuthTest, WithoutAColonThereIsNoLogin) {
  EXPECT_EQ(of_pair("bob"), "none");
  EXPECT_EQ(of_pair(""), "none");
}

TEST(BasicAuthTest, OtherSchemesAreNoLogin) {
  for (const char* header :
       {"", " ", "B", "Basic", "Basic ", "Basi Ym9iOng=", "BasicYm9iOng=", "Basic\tYm9iOng=",
        "Bearer Ym9iOng=", "Digest username=\"bob\"", "Basics Ym9iOng=", " Basic Ym9iOng="}) {
    EXPECT_EQ(of_header(header), "none") << header;
  }
}

TEST(BasicAuthTest, Base64IsStrict) {
  ASSERT_EQ(of_header("Basic Ym9iOng="), "bob|x");
  for (const char* header : {
           "Basic Ym9iOng",           // not padded
           "Basic Ym9iOng==",         // padded too far
           "Basic Ym9iOng=Ym9iOng=",  // goes on behind its end
           "Basic Ym9iOng= ",         // blanks
           "Basic  Ym9iOng=",
           "Basic Ym9i Ong=",
           "Basic Ym9i\r\nOng=",
           "Basic Ym9iOn=g",  // padding within
           "Basic Ym9iO===",
           "Basic ====",
           "Basic =",
           "Basic Ym9iOng_",  // letters of another alphabet
           "Basic Ym9iOng-",
           "Basic Ym9iOnh=",  // bits that no byte needs
           "Basic bob:x",
       }) {
    EXPECT_EQ(of_header(header), "none") << header;
  }
  EXPECT_EQ(of_header("Basic Ym9iOg==\0"s), "none");
  EXPECT_EQ(of_header("Basic Ym9iOn\xc3\xa4="), "none");
}

TEST(BasicAuthTest, WhatWasEncodedComesBack) {
  Random random(20240601);
  for (int round = 0; round < 20000; round++) {
    std::string pair;
    for (auto left = random.below(40); left > 0; left--) {
      pair += random.chance(0.1) ? ':' : static_cast<char>(random.next());
    }
    const std::size_t colon = pair.find(':');
    const bool none = colon == std::string::npos || colon == 0;
    std::string expected = pair;
    if (!none) expected[colon] = '|';
    ASSERT_EQ(of_pair(pair), none ? "none" : expected) << "round " << round;
  }
}

// A text that is taken is the only one for its login: what was decoded encodes to it again.
TEST(BasicAuthTest, NoTwoTextsStandForOneLogin) {
  Random random(20240602);
  int logins = 0;
  for (int round = 0; round < 200000; round++) {
    std::string text = base64("bob:secret"s.substr(0, 5 + random.below(6)));
    for (auto left = random.below(3); left > 0; left--) {
      const auto at = random.below(text.size() + 1);
      const char c = "ABQgwxyz019+/=:- _"[random.below(18)];
      if (at == text.size() || random.chance(0.3)) {
        text.insert(at, 1, c);
      } else if (random.chance(0.3)) {
        text.erase(at, 1);
      } else {
        text[at] = c;
      }
    }
    const std::optional<Login> login = parse_basic_auth("Basic " + text);
    if (!login) continue;
    logins++;
    ASSERT_EQ(base64(login->user + ":" + login->password), text);
  }
  EXPECT_GT(logins, 1000);
}

}  // namespace
}  // namespace rqlite::http
