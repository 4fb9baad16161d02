#include "http/credentials_file.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace rqlite::http {
namespace {

using enum Permission;
using namespace std::string_literals;

// Of a file that is well-formed.
std::vector<UserEntry> parse(std::string_view text) {
  Result<std::vector<UserEntry>> entries = parse_credentials_file(text);
  EXPECT_TRUE(entries.ok()) << text << ": " << entries.status().text();
  return entries.ok() ? *entries : std::vector<UserEntry>();
}

// Of a file with one entry.
UserEntry parse_one(std::string_view text) {
  std::vector<UserEntry> entries = parse(text);
  EXPECT_EQ(entries.size(), 1u) << text;
  return entries.size() == 1 ? entries[0] : UserEntry();
}

std::string error(std::string_view text) { return parse_credentials_file(text).status().text(); }

TEST(CredentialsFileTest, ReadsUsersInTheirOrder) {
  const auto entries = parse(R"([
    {"username": "bob", "password": "secret1", "perms": ["all"]},
    {"username": "mary", "password": "p\u00e4ss: \"w\"", "perms": ["query", "status"]},
    {"username": "*", "perms": ["ready"]}
  ])");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].user, "bob");
  EXPECT_EQ(entries[0].password, "secret1");
  EXPECT_EQ(entries[0].permissions, Permissions::all());
  EXPECT_EQ(entries[1].user, "mary");
  EXPECT_EQ(entries[1].password, "p\u00e4ss: \"w\"");
  EXPECT_EQ(entries[1].permissions, Permissions({kQuery, kStatus}));
  EXPECT_EQ(entries[2].user, "*");
  EXPECT_EQ(entries[2].password, std::nullopt);
  EXPECT_EQ(entries[2].permissions, Permissions({kReady}));
}

TEST(CredentialsFileTest, AnEntryTakesNothingOverFromTheOneBefore) {
  const auto entries = parse(R"([
    {"username": "bob", "password": "secret", "perms": ["all"]},
    {"username": "mary"},
    {"username": "ann", "password": null, "perms": null}
  ])");
  ASSERT_EQ(entries.size(), 3u);
  for (std::size_t i = 1; i < entries.size(); i++) {
    EXPECT_EQ(entries[i].password, std::nullopt);
    EXPECT_TRUE(entries[i].permissions.empty());
  }
}

TEST(CredentialsFileTest, AnEmptyPasswordIsOne) {
  EXPECT_EQ(parse_one(R"([{"username": "bob", "password": ""}])").password, "");
}

TEST(CredentialsFileTest, KeysCountInAnyCaseAndUnknownOnesAreIgnored) {
  const UserEntry entry = parse_one(
      R"([{"UserName": "bob", "PASSWORD": "x", "Perms": ["ui"], "user": 1, "perm": {"a": [null]}}])");
  EXPECT_EQ(entry.user, "bob");
  EXPECT_EQ(entry.password, "x");
  EXPECT_EQ(entry.permissions, Permissions({kUi}));
}

TEST(CredentialsFileTest, OfAKeyThatComesTwiceTheLastCounts) {
  const UserEntry entry = parse_one(R"([{"username": "a", "password": "1", "perms": ["all"],
      "perms": ["ui"], "Password": "2", "USERNAME": "b"}])");
  EXPECT_EQ(entry.user, "b");
  EXPECT_EQ(entry.password, "2");
  EXPECT_EQ(entry.permissions, Permissions({kUi}));
}

TEST(CredentialsFileTest, ANullTakesBackWhatStoodBefore) {
  const UserEntry entry = parse_one(R"([{"username": "a", "password": "1", "perms": ["all"],
      "password": null, "perms": null}])");
  EXPECT_EQ(entry.password, std::nullopt);
  EXPECT_TRUE(entry.permissions.empty());
}

TEST(CredentialsFileTest, UnknownPermissionsAreIgnored) {
  EXPECT_EQ(parse_one(R"([{"username": "a", "perms": ["fly", "Query", "", "load"]}])").permissions,
            Permissions({kLoad}));
}

TEST(CredentialsFileTest, WhatStandsBehindTheListIsIgnored) {
  for (const char* rest : {" ", "\n", "]", " # bob is back", "\"", "[{\"username\":5}]", "\xff"}) {
    EXPECT_EQ(parse_one(R"([{"username": "a"}])"s + rest).user, "a") << rest;
  }
}

TEST(CredentialsFileTest, AListMayBeEmpty) {
  for (const char* text : {"[]", " [ ] ", "{}", " { }\n"}) EXPECT_TRUE(parse(text).empty()) << text;
}

TEST(CredentialsFileTest, TwoEntriesMayHaveOneName) {
  EXPECT_EQ(parse(R"([{"username": "a"}, {"username": "a"}])").size(), 2u);
}

TEST(CredentialsFileTest, AFileInWhichNoListBeginsEndsTooSoon) {
  for (const char* text : {"", " \n\t\r ", "null", "5", " true "}) {
    EXPECT_EQ(error(text), "EOF") << text;
  }
}

TEST(CredentialsFileTest, WhatIsNoJsonIsRefused) {
  for (const std::string& text : {
           "x"s,
           "["s,
           "]"s,
           "{"s,
           "[{]"s,
           "[}]"s,
           "[{}"s,
           "[,]"s,
           R"([{"username": "a"},])"s,
           R"([{"username": "a" "password": "b"}])"s,
           R"([{"username": 'a'}])"s,
           R"([{username: "a"}])"s,
           R"([{"username": "a})"s,
           R"([{"username": "\q"}])"s,
           R"([{"username": "a", "other": nul}])"s,
           "[{\"username\": \"a\nb\"}]"s,
           "[{\"username\": \"\xff\"}]"s,
           "// users\n[]"s,
           "bob:secret\n"s,
       }) {
    EXPECT_EQ(error(text).substr(0, 13), "invalid JSON:") << text;
  }
  // As deep as nobody means it.
  EXPECT_NE(error(std::string(1 << 20, '[')), "");
  EXPECT_NE(error(R"([{"username": "a", "x": )" + std::string(100000, '[') +
                  std::string(100000, ']') + "}]"),
            "");
}

TEST(CredentialsFileTest, WhatIsNoListIsRefused) {
  EXPECT_EQ(error(R"({"username": "a"})"), "not a list of users");
}

TEST(CredentialsFileTest, AnEntryOfAWrongFormIsNamedByItsPlace) {
  EXPECT_EQ(error(R"([{"username": "a"}, 5])"), "entry 2: is not an object");
  EXPECT_EQ(error(R"([null])"), "entry 1: is not an object");
  EXPECT_EQ(error(R"([["a"]])"), "entry 1: is not an object");
  EXPECT_EQ(error(R"([{"username": 5}])"), "entry 1: username is not a string");
  EXPECT_EQ(error(R"([{"username": "a", "password": 1234}])"), "entry 1: password is not a string");
  EXPECT_EQ(error(R"([{"username": "a", "Password": ["x"]}])"),
            "entry 1: password is not a string");
  EXPECT_EQ(error(R"([{"username": "a", "perms": "all"}])"), "entry 1: perms is not a list");
  EXPECT_EQ(error(R"([{"username": "a", "perms": {"all": true}}])"),
            "entry 1: perms is not a list");
  EXPECT_EQ(error(R"([{"username": "a", "perms": ["ui", 1]}])"),
            "entry 1: perms holds what is not a string");
}

TEST(CredentialsFileTest, AnEntryNeedsAName) {
  for (const char* text : {R"([{}])", R"([{"password": "x", "perms": ["all"]}])",
                           R"([{"username": ""}])", R"([{"username": null}])"}) {
    EXPECT_EQ(error(text), "entry 1: has no username") << text;
  }
  EXPECT_EQ(error(R"([{"username": "a"}, {"perms": ["all"]}])"), "entry 2: has no username");
}

TEST(CredentialsFileTest, TakesHashesThatAreWhole) {
  const std::string hash = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.4K7lyz.nKATbsiu/RcZjqWyDNnj87qG";
  EXPECT_EQ(parse_one(R"([{"username": "a", "password": ")" + hash + "\"}]").password, hash);

  const std::string refused =
      "entry 1: password begins like a bcrypt hash, and is none of a cost from 4 to 16";
  EXPECT_EQ(error(R"([{"username": "a", "password": "$2b$10$short"}])"), refused);
  EXPECT_EQ(error(R"([{"username": "a", "password": "$2b$31)" + hash.substr(6) + "\"}]"), refused);
  // One in clear with a dollar.
  EXPECT_EQ(parse_one(R"([{"username": "a", "password": "$2b or not"}])").password, "$2b or not");
}

TEST(CredentialsFileTest, AnErrorHoldsNoPassword) {
  for (const char* text :
       {R"([{"username": "a", "password": "hunter2", "perms": 5}])", R"([{"password": "hunter2"}])",
        R"([{"username": "a", "password": "hunter2"})",
        R"([{"username": "a", "password": "$2b$10$hunter2"}])",
        R"([{"username": "a", "password": ["hunter2"]}])"}) {
    EXPECT_NE(error(text), "") << text;
    EXPECT_EQ(error(text).find("hunter2"), std::string::npos) << text;
  }
}

TEST(CredentialsFileTest, DamagedFilesAreReadOrRefused) {
  const std::string whole = R"([{"username": "bob", "password": "s\u0065cret", "perms": ["all"]},
      {"username": "*", "perms": ["ui", "fly"], "note": [1.5e3, true, null, {"a": "\"]"}]}])";
  ASSERT_EQ(parse(whole).size(), 2u);
  Random random(20240603);
  for (int round = 0; round < 20000; round++) {
    std::string text = whole;
    for (auto left = 1 + random.below(4); left > 0; left--) {
      const auto at = random.below(text.size());
      switch (random.below(4)) {
        case 0:
          text.resize(at + 1);
          break;
        case 1:
          text.erase(at, 1 + random.below(5));
          if (text.empty()) text = "[";
          break;
        case 2:
          text[at] = static_cast<char>(random.next());
          break;
        default:
          text.insert(at, 1, R"([]{}",:\0n )"[random.below(11)]);
      }
    }
    const auto entries = parse_credentials_file(text);
    if (!entries.ok()) {
      ASSERT_NE(entries.error().text(), "") << text;
      continue;
    }
    for (const UserEntry& entry : *entries) ASSERT_NE(entry.user, "") << text;
  }
}

}  // namespace
}  // namespace rqlite::http
