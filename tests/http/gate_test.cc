#include "http/gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace rqlite::http {
namespace {

using enum Permission;
using Verdict = Credentials::Verdict;

constexpr const char* kHashOfSecret =
    "$2b$04$CCCCCCCCCCCCCCCCCCCCC.4K7lyz.nKATbsiu/RcZjqWyDNnj87qG";

std::shared_ptr<const Credentials> of(std::vector<UserEntry> entries) {
  return std::make_shared<const Credentials>(entries);
}

class GateTest : public ::testing::Test {
 protected:
  // What verify() finds out.
  static bool verify(Gate& gate, const Login& login, Permissions needed) {
    std::promise<bool> found;
    EXPECT_TRUE(gate.verify(login, needed, [&](bool allowed) { found.set_value(allowed); }));
    return found.get_future().get();
  }
};

TEST_F(GateTest, WithoutAFileEverybodyMayPass) {
  const Gate gate(nullptr);
  EXPECT_FALSE(gate.asks_for_credentials());
  EXPECT_EQ(gate.check(std::nullopt, Permissions::all()), Verdict::kAllowed);
}

TEST_F(GateTest, AsksTheFile) {
  const Gate gate(of({{"bob", "secret", {kQuery}}}));
  EXPECT_TRUE(gate.asks_for_credentials());
  EXPECT_EQ(gate.check(std::nullopt, {kQuery}), Verdict::kDenied);
  EXPECT_EQ(gate.check(Login{"bob", "secret"}, {kQuery}), Verdict::kAllowed);
  EXPECT_EQ(gate.check(Login{"bob", "secret"}, {kExecute}), Verdict::kDenied);
}

TEST_F(GateTest, HashesElsewhereAndRemembers) {
  Gate gate(of({{"bob", kHashOfSecret, {kQuery}}}));
  const Login right{"bob", "secret"};
  const Login wrong{"bob", "wrong"};
  EXPECT_EQ(gate.check(right, {kQuery}), Verdict::kNeedsHashing);
  EXPECT_TRUE(verify(gate, right, {kQuery}));
  EXPECT_EQ(gate.check(right, {kQuery}), Verdict::kAllowed);
  EXPECT_FALSE(verify(gate, wrong, {kQuery}));
  EXPECT_EQ(gate.check(wrong, {kQuery}), Verdict::kDenied);
}

TEST_F(GateTest, AnotherFileCountsAtOnceAndForgetsTheOldOne) {
  Gate gate(of({{"bob", "secret", {kQuery}}, {"mary", kHashOfSecret, {kQuery}}}));
  EXPECT_TRUE(verify(gate, {"mary", "secret"}, {kQuery}));
  gate.replace(of({{"bob", "new", {kQuery}}}));
  EXPECT_EQ(gate.check(Login{"bob", "secret"}, {kQuery}), Verdict::kDenied);
  EXPECT_EQ(gate.check(Login{"bob", "new"}, {kQuery}), Verdict::kAllowed);
  EXPECT_EQ(gate.check(Login{"mary", "secret"}, {kQuery}), Verdict::kDenied);
}

TEST_F(GateTest, OnlySoManyMayWaitForAHash) {
  Gate gate(of({{"bob", kHashOfSecret, {kQuery}}}));
  std::promise<void> may_go;
  std::shared_future<void> go = may_go.get_future().share();
  std::size_t taken = 0;
  std::size_t told = 0;
  std::promise<void> all_told;
  auto ask = [&] {
    return gate.verify(Login{"bob", "secret"}, {kQuery}, [&, go](bool allowed) {
      go.wait();
      EXPECT_TRUE(allowed);
      if (++told == taken) all_told.set_value();
    });
  };
  while (taken < 2 * Gate::kHashingMax && ask()) taken++;
  // The one that is being told may or may not count any more.
  EXPECT_GE(taken, Gate::kHashingMax);
  EXPECT_LE(taken, Gate::kHashingMax + 1);
  may_go.set_value();
  all_told.get_future().wait();
}

TEST_F(GateTest, AClosedGateTellsNobodyAndTakesNobody) {
  Gate gate(of({{"bob", kHashOfSecret, {kQuery}}}));
  const auto held = std::make_shared<int>();
  std::promise<void> may_go;
  std::shared_future<void> go = may_go.get_future().share();
  std::atomic<int> told = 0;
  for (int i = 0; i < 3; i++) {
    EXPECT_TRUE(gate.verify(Login{"bob", "secret"}, {kQuery}, [&, go, held](bool) {
      told++;
      go.wait();
    }));
  }
  while (told == 0) std::this_thread::yield();
  may_go.set_value();
  gate.close();
  EXPECT_GE(told, 1);
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(gate.verify(Login{"bob", "secret"}, {kQuery}, [&](bool) { told++; }));
}

}  // namespace
}  // namespace rqlite::http
