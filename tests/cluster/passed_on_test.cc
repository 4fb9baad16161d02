#include "cluster/passed_on.h"

#include <gtest/gtest.h>

namespace rqlite::cluster {
namespace {

TEST(PassedOnTest, TheBeginOfThePathSaysWhatARequestIsAbout) {
  using enum PassedOn;
  EXPECT_EQ(passed_on_kind("/db/execute"), kExecute);
  EXPECT_EQ(passed_on_kind("/db/execute/"), kExecute);
  EXPECT_EQ(passed_on_kind("/db/query"), kQuery);
  EXPECT_EQ(passed_on_kind("/db/request"), kRequest);
  EXPECT_EQ(passed_on_kind("/db/backup"), kBackup);
  EXPECT_EQ(passed_on_kind("/db/load"), kLoad);
  EXPECT_EQ(passed_on_kind("/remove"), kRemoveNode);
  EXPECT_EQ(passed_on_kind("/leader"), kStepdown);
}

TEST(PassedOnTest, WhatNobodyKnowsIsSomethingElse) {
  for (const char* path : {"", "/", "/db", "/db/exec", "/status", "db/execute"}) {
    EXPECT_EQ(passed_on_kind(path), PassedOn::kOther);
  }
}

}  // namespace
}  // namespace rqlite::cluster
