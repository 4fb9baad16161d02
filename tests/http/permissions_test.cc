#include "http/permissions.h"

#include <gtest/gtest.h>

namespace rqlite::http {
namespace {

using enum Permission;

TEST(PermissionsTest, EachHasItsName) {
  const std::initializer_list<std::pair<const char*, Permission>> names = {
      {"backup", kBackup},
      {"execute", kExecute},
      {"join", kJoin},
      {"join-read-only", kJoinReadOnly},
      {"leader-ops", kLeaderOps},
      {"load", kLoad},
      {"query", kQuery},
      {"ready", kReady},
      {"remove", kRemove},
      {"snapshot", kSnapshot},
      {"status", kStatus},
      {"ui", kUi},
  };
  Permissions every;
  for (const auto& [name, permission] : names) {
    EXPECT_EQ(Permissions::of_name(name), Permissions({permission})) << name;
    EXPECT_FALSE(Permissions({permission}).without(every).empty()) << name << " is another's too";
    every |= {permission};
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kPermissions));
  EXPECT_EQ(every, Permissions::all());
  EXPECT_EQ(Permissions::of_name("all"), Permissions::all());
}

TEST(PermissionsTest, OtherNamesStandForNothing) {
  for (const char* name : {"", "*", "ALL", "Query", " query", "quer", "querys", "join-readonly"}) {
    EXPECT_TRUE(Permissions::of_name(name).empty()) << name;
  }
}

TEST(PermissionsTest, WithoutLeavesWhatIsMissing) {
  const Permissions both = {kQuery, kExecute};
  EXPECT_EQ(both.without({kQuery, kUi}), Permissions({kExecute}));
  EXPECT_TRUE(both.without(both).empty());
  EXPECT_TRUE(both.without(Permissions::all()).empty());
  EXPECT_EQ(both.without({}), both);
  EXPECT_TRUE(Permissions().empty());
}

}  // namespace
}  // namespace rqlite::http
