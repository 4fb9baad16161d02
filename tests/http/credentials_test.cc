#include "http/credentials.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace rqlite::http {
namespace {

using enum Permission;
using Verdict = Credentials::Verdict;

constexpr auto kAllowed = Verdict::kAllowed;
constexpr auto kDenied = Verdict::kDenied;
constexpr auto kNeedsHashing = Verdict::kNeedsHashing;

constexpr const char* kHashOfSecret =
    "$2b$04$CCCCCCCCCCCCCCCCCCCCC.4K7lyz.nKATbsiu/RcZjqWyDNnj87qG";
constexpr const char* kHashOfOther = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.CXzXCp9I0qxB.unboAP5AHj0lQqydAK";

const std::optional<Login> kNone;
std::optional<Login> login(std::string user, std::string password) {
  return Login{std::move(user), std::move(password)};
}

// A file with one user with a password in clear and one with a hash, who both may query.
std::vector<UserEntry> clear_and_hashed() {
  return {{"bob", "in clear", {kQuery}}, {"mary", kHashOfSecret, {kQuery}}};
}

TEST(CredentialsTest, ALoginIsItsNameAndItsPassword) {
  const Credentials credentials({{"bob", "secret", {kQuery}}, {"mary", "other", {kQuery}}});
  EXPECT_EQ(credentials.check(login("bob", "secret"), {kQuery}), kAllowed);
  EXPECT_EQ(credentials.check(login("mary", "other"), {kQuery}), kAllowed);
  for (const char* wrong : {"", "s", "secre", "secret ", "Secret", "secrets", "other", "secretx"}) {
    EXPECT_EQ(credentials.check(login("bob", wrong), {kQuery}), kDenied) << wrong;
  }
  for (const char* wrong : {"", "Bob", "bo", "bobs", "bob ", "*", "ann"}) {
    EXPECT_EQ(credentials.check(login(wrong, "secret"), {kQuery}), kDenied) << wrong;
  }
}

TEST(CredentialsTest, APasswordCountsToItsLastByte) {
  const std::string with_zero("a\0b", 3);
  const Credentials credentials({{"bob", with_zero, {kQuery}}, {"mary", "a", {kQuery}}});
  EXPECT_EQ(credentials.check(login("bob", with_zero), {kQuery}), kAllowed);
  EXPECT_EQ(credentials.check(login("bob", "a"), {kQuery}), kDenied);
  EXPECT_EQ(credentials.check(login("mary", with_zero), {kQuery}), kDenied);
}

TEST(CredentialsTest, WithoutALoginNobodyIsAUser) {
  const Credentials credentials({{"bob", "", Permissions::all()}});
  EXPECT_EQ(credentials.check(kNone, {kQuery}), kDenied);
  EXPECT_EQ(credentials.check(login("", ""), {kQuery}), kDenied);
  EXPECT_FALSE(credentials.verify(kNone, {kQuery}));
}

TEST(CredentialsTest, AUserNeedsThePermissionOrAll) {
  const Credentials credentials({{"reader", "x", {kQuery, kStatus}},
                                 {"writer", "x", {kExecute}},
                                 {"admin", "x", Permissions::all()},
                                 {"guest", "x", {}}});
  EXPECT_EQ(credentials.check(login("reader", "x"), {kQuery}), kAllowed);
  EXPECT_EQ(credentials.check(login("reader", "x"), {kStatus}), kAllowed);
  EXPECT_EQ(credentials.check(login("reader", "x"), {kExecute}), kDenied);
  EXPECT_EQ(credentials.check(login("writer", "x"), {kQuery}), kDenied);
  for (int i = 0; i < kPermissions; i++) {
    const Permissions needed = {static_cast<Permission>(i)};
    EXPECT_EQ(credentials.check(login("admin", "x"), needed), kAllowed) << i;
    EXPECT_EQ(credentials.check(login("guest", "x"), needed), kDenied) << i;
  }
}

TEST(CredentialsTest, ARequestMayNeedSeveralPermissions) {
  const Permissions both = {kQuery, kExecute};
  const Credentials credentials({{"reader", "x", {kQuery}},
                                 {"writer", "x", {kExecute}},
                                 {"user", "x", {kQuery, kExecute}},
                                 {"admin", "x", Permissions::all()}});
  EXPECT_EQ(credentials.check(login("reader", "x"), both), kDenied);
  EXPECT_EQ(credentials.check(login("writer", "x"), both), kDenied);
  EXPECT_EQ(credentials.check(login("user", "x"), both), kAllowed);
  EXPECT_EQ(credentials.check(login("admin", "x"), both), kAllowed);
}

TEST(CredentialsTest, WhatNeedsNoPermissionIsAllowed) {
  const Credentials credentials({});
  EXPECT_EQ(credentials.check(kNone, {}), kAllowed);
  EXPECT_EQ(credentials.check(login("bob", "x"), {}), kAllowed);
}

TEST(CredentialsTest, AnEmptyFileAllowsNobody) {
  const Credentials credentials({});
  EXPECT_EQ(credentials.check(kNone, {kReady}), kDenied);
  EXPECT_EQ(credentials.check(login("bob", ""), {kReady}), kDenied);
}

TEST(CredentialsTest, WhatEverybodyMayNeedsNoLoginAndNoRightOne) {
  const Credentials credentials(
      {{"*", std::nullopt, {kQuery}}, {"bob", "secret", {kExecute}}, {"guest", "x", {}}});
  for (const auto& who : {kNone, login("", ""), login("bob", "wrong"), login("nobody", "x"),
                          login("bob", "secret"), login("guest", "x"), login("*", "")}) {
    EXPECT_EQ(credentials.check(who, {kQuery}), kAllowed);
    EXPECT_TRUE(credentials.verify(who, {kQuery}));
  }
  EXPECT_EQ(credentials.check(kNone, {kExecute}), kDenied);
  EXPECT_EQ(credentials.check(login("bob", "wrong"), {kExecute}), kDenied);
  EXPECT_EQ(credentials.check(login("bob", "secret"), {kExecute}), kAllowed);
}

TEST(CredentialsTest, EverybodyMayHoldAll) {
  const Credentials credentials({{"*", std::nullopt, Permissions::all()}});
  EXPECT_EQ(credentials.check(kNone, Permissions::all()), kAllowed);
  EXPECT_EQ(credentials.check(login("bob", "wrong"), {kRemove}), kAllowed);
}

TEST(CredentialsTest, APermissionOfEverybodyCompletesAUsersOwn) {
  const Credentials credentials({{"*", std::nullopt, {kQuery}}, {"bob", "secret", {kExecute}}});
  EXPECT_EQ(credentials.check(login("bob", "secret"), {kQuery, kExecute}), kAllowed);
  EXPECT_EQ(credentials.check(login("bob", "wrong"), {kQuery, kExecute}), kDenied);
  EXPECT_EQ(credentials.check(kNone, {kQuery, kExecute}), kDenied);
}

TEST(CredentialsTest, WithoutAPasswordThereIsNoLogin) {
  const Credentials credentials({{"bob", std::nullopt, Permissions::all()}});
  EXPECT_EQ(credentials.check(login("bob", ""), {kQuery}), kDenied);
  EXPECT_EQ(credentials.check(login("bob", "x"), {kQuery}), kDenied);
}

TEST(CredentialsTest, AnEmptyPasswordIsAPassword) {
  const Credentials credentials({{"bob", "", {kQuery}}});
  EXPECT_EQ(credentials.check(login("bob", ""), {kQuery}), kAllowed);
  EXPECT_EQ(credentials.check(login("bob", "x"), {kQuery}), kDenied);
}

TEST(CredentialsTest, OfANameThatComesTwiceTheLastCounts) {
  const Credentials credentials({{"bob", "old", {kExecute}},
                                 {"*", std::nullopt, {kStatus}},
                                 {"bob", "new", {kQuery}},
                                 {"*", std::nullopt, {kReady}}});
  EXPECT_EQ(credentials.check(login("bob", "old"), {kExecute}), kDenied);
  EXPECT_EQ(credentials.check(login("bob", "new"), {kExecute}), kDenied);
  EXPECT_EQ(credentials.check(login("bob", "new"), {kQuery}), kAllowed);
  EXPECT_EQ(credentials.check(kNone, {kStatus}), kDenied);
  EXPECT_EQ(credentials.check(kNone, {kReady}), kAllowed);
}

TEST(CredentialsTest, AHashThatWasReplacedAsksForNoHashing) {
  const Credentials credentials({{"bob", kHashOfSecret, {kQuery}}, {"bob", "new", {kQuery}}});
  EXPECT_EQ(credentials.check(login("bob", "secret"), {kQuery}), kDenied);
}

TEST(CredentialsTest, VerifyAgreesWithCheckWhereNothingIsHashed) {
  const Credentials credentials({{"bob", "secret", {kQuery}}});
  EXPECT_TRUE(credentials.verify(login("bob", "secret"), {kQuery}));
  EXPECT_FALSE(credentials.verify(login("bob", "secret"), {kExecute}));
  EXPECT_FALSE(credentials.verify(login("bob", "wrong"), {kQuery}));
  EXPECT_FALSE(credentials.verify(login("ann", "secret"), {kQuery}));
}

// Hashes.

TEST(CredentialsTest, AHashedPasswordIsVerifiedOnce) {
  const Credentials credentials(clear_and_hashed());
  const auto mary = login("mary", "secret");
  EXPECT_EQ(credentials.check(mary, {kQuery}), kNeedsHashing);
  EXPECT_EQ(credentials.check(mary, {kQuery}), kNeedsHashing);
  EXPECT_TRUE(credentials.verify(mary, {kQuery}));
  EXPECT_EQ(credentials.check(mary, {kQuery}), kAllowed);
  EXPECT_TRUE(credentials.verify(mary, {kQuery}));
}

TEST(CredentialsTest, AWrongPasswordIsVerifiedOnceToo) {
  const Credentials credentials(clear_and_hashed());
  const auto mary = login("mary", "wrong");
  EXPECT_EQ(credentials.check(mary, {kQuery}), kNeedsHashing);
  EXPECT_FALSE(credentials.verify(mary, {kQuery}));
  EXPECT_EQ(credentials.check(mary, {kQuery}), kDenied);
  EXPECT_EQ(credentials.check(login("mary", "wrong too"), {kQuery}), kNeedsHashing);
}

TEST(CredentialsTest, WhatIsKnownIsThePasswordAndNotTheRight) {
  const Credentials credentials(clear_and_hashed());
  const auto mary = login("mary", "secret");
  EXPECT_FALSE(credentials.verify(mary, {kExecute}));
  EXPECT_EQ(credentials.check(mary, {kExecute}), kDenied);
  EXPECT_EQ(credentials.check(mary, {kQuery}), kAllowed);
  EXPECT_EQ(credentials.check(mary, {kQuery, kExecute}), kDenied);
}

TEST(CredentialsTest, AHashIsNoPassword) {
  const Credentials credentials(clear_and_hashed());
  EXPECT_FALSE(credentials.verify(login("mary", kHashOfSecret), {kQuery}));
}

TEST(CredentialsTest, APasswordThatIsKnownIsItsOwnUsersOnly) {
  const Credentials credentials(
      {{"mary", kHashOfSecret, {kQuery}}, {"ann", kHashOfOther, {kQuery}}});
  EXPECT_TRUE(credentials.verify(login("mary", "secret"), {kQuery}));
  EXPECT_EQ(credentials.check(login("ann", "secret"), {kQuery}), kNeedsHashing);
  EXPECT_FALSE(credentials.verify(login("ann", "secret"), {kQuery}));
  EXPECT_TRUE(credentials.verify(login("ann", "other"), {kQuery}));
  EXPECT_EQ(credentials.check(login("mary", "secret"), {kQuery}), kAllowed);
  EXPECT_EQ(credentials.check(login("ann", "other"), {kQuery}), kAllowed);
}

TEST(CredentialsTest, WhoIsNoUserIsHashedLikeAUser) {
  std::vector<UserEntry> entries = clear_and_hashed();
  entries.push_back({"mute", std::nullopt, {kQuery}});
  const Credentials credentials(entries);
  for (const char* user : {"nobody", "mute", "bob", "mary", "*"}) {
    const auto wrong = login(user, "wrong");
    EXPECT_EQ(credentials.check(wrong, {kQuery}), kNeedsHashing) << user;
    EXPECT_FALSE(credentials.verify(wrong, {kQuery})) << user;
    EXPECT_EQ(credentials.check(wrong, {kQuery}), kDenied) << user;
  }
  // Who lacks the right, or what it takes, learns no sooner whether the password is right.
  EXPECT_EQ(credentials.check(login("mary", "wrong one"), {kExecute}), kNeedsHashing);
  EXPECT_EQ(credentials.check(login("nobody", "wrong one"), {kExecute}), kNeedsHashing);
}

TEST(CredentialsTest, APasswordInClearNeedsNoHashingBesideHashes) {
  const Credentials credentials(clear_and_hashed());
  EXPECT_EQ(credentials.check(login("bob", "in clear"), {kQuery}), kAllowed);
  EXPECT_EQ(credentials.check(login("bob", "in clear"), {kExecute}), kDenied);
}

TEST(CredentialsTest, WithoutALoginNothingIsHashed) {
  const Credentials credentials(clear_and_hashed());
  EXPECT_EQ(credentials.check(kNone, {kQuery}), kDenied);
  EXPECT_EQ(credentials.check(login("", "secret"), {kQuery}), kDenied);
}

TEST(CredentialsTest, WhatEverybodyMayIsNotHashed) {
  const Credentials credentials({{"*", std::nullopt, {kReady}}, {"mary", kHashOfSecret, {}}});
  EXPECT_EQ(credentials.check(login("mary", "wrong"), {kReady}), kAllowed);
  EXPECT_EQ(credentials.check(login("mary", "wrong"), {kQuery}), kNeedsHashing);
}

TEST(CredentialsTest, ARightLoginIsKeptHoweverManyWrongOnesCome) {
  const Credentials credentials(clear_and_hashed());
  EXPECT_TRUE(credentials.verify(login("mary", "secret"), {kQuery}));
  for (std::size_t i = 0; i < 2 * Credentials::kRejectedMax; i++) {
    const auto wrong = login("mary", "wrong " + std::to_string(i));
    EXPECT_FALSE(credentials.verify(wrong, {kQuery}));
    EXPECT_EQ(credentials.check(wrong, {kQuery}), kDenied);
  }
  EXPECT_EQ(credentials.check(login("mary", "secret"), {kQuery}), kAllowed);
}

TEST(CredentialsTest, WrongLoginsThatAreRememberedAreBounded) {
  const Credentials credentials(clear_and_hashed());
  const std::size_t logins = 3 * Credentials::kRejectedMax;
  auto wrong = [](std::size_t i) { return login("user " + std::to_string(i), "wrong"); };
  for (std::size_t i = 0; i < logins; i++) EXPECT_FALSE(credentials.verify(wrong(i), {kQuery}));
  std::size_t remembered = 0;
  for (std::size_t i = 0; i < logins; i++) {
    if (credentials.check(wrong(i), {kQuery}) == kDenied) remembered++;
  }
  EXPECT_GT(remembered, 0u);
  EXPECT_LE(remembered, Credentials::kRejectedMax);
}

TEST(CredentialsTest, AnotherFileKnowsNothingOfWhatTheOldOneVerified) {
  auto credentials = std::make_unique<const Credentials>(clear_and_hashed());
  EXPECT_TRUE(credentials->verify(login("mary", "secret"), {kQuery}));
  EXPECT_FALSE(credentials->verify(login("mary", "other"), {kQuery}));

  credentials =
      std::make_unique<const Credentials>(std::vector<UserEntry>{{"mary", kHashOfOther, {kQuery}}});
  EXPECT_EQ(credentials->check(login("mary", "secret"), {kQuery}), kNeedsHashing);
  EXPECT_EQ(credentials->check(login("mary", "other"), {kQuery}), kNeedsHashing);
  EXPECT_FALSE(credentials->verify(login("mary", "secret"), {kQuery}));
  EXPECT_TRUE(credentials->verify(login("mary", "other"), {kQuery}));
}

TEST(CredentialsTest, ManyThreadsMayAskAtOnce) {
  const Credentials credentials(clear_and_hashed());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; i++) {
        const auto wrong = login("mary", std::to_string(t) + " " + std::to_string(i % 10));
        EXPECT_NE(credentials.check(wrong, {kQuery}), kAllowed);
        EXPECT_FALSE(credentials.verify(wrong, {kQuery}));
        EXPECT_NE(credentials.check(login("mary", "secret"), {kQuery}), kDenied);
        EXPECT_TRUE(credentials.verify(login("mary", "secret"), {kQuery}));
        EXPECT_EQ(credentials.check(login("bob", "in clear"), {kQuery}), kAllowed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Files.

TEST(CredentialsTest, ComeFromAFile) {
  const auto credentials = Credentials::parse(R"([
    {"username": "bob", "password": "secret", "perms": ["all"]},
    {"username": "ann"},
    {"username": "mary", "password": "x", "perms": ["query", "fly"]},
    {"username": "*", "perms": ["ready"]}
  ])");
  ASSERT_TRUE(credentials.ok()) << credentials.status().text();
  EXPECT_EQ((*credentials)->check(login("bob", "secret"), {kRemove}), kAllowed);
  EXPECT_EQ((*credentials)->check(login("ann", "secret"), {kQuery}), kDenied);
  EXPECT_EQ((*credentials)->check(login("ann", ""), {kQuery}), kDenied);
  EXPECT_EQ((*credentials)->check(login("mary", "x"), {kQuery}), kAllowed);
  EXPECT_EQ((*credentials)->check(login("mary", "x"), {kExecute}), kDenied);
  EXPECT_EQ((*credentials)->check(kNone, {kReady}), kAllowed);
}

TEST(CredentialsTest, AFileThatCannotBeReadSaysWhy) {
  const auto credentials = Credentials::parse(R"([{"username": "bob", "perms": "all"}])");
  ASSERT_FALSE(credentials.ok());
  EXPECT_EQ(credentials.error().code(), Code::kInvalid);
  EXPECT_EQ(credentials.error().text(), "entry 1: perms is not a list");
}

}  // namespace
}  // namespace rqlite::http
