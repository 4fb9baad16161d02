#include "cluster/link_trouble.h"

#include <gtest/gtest.h>

#include <string>

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

class LinkTroubleTest : public testing::Test {
 protected:
  // Another try fails, `passed` after the last one.
  bool fails(Nanos passed, const std::string& why = "no route") {
    return trouble_.failed(why, false, now_ += passed);
  }
  bool is_refused(Nanos passed, const std::string& why = "go away") {
    return trouble_.failed(why, true, now_ += passed);
  }

  TimePoint now_{1h};
  LinkTrouble trouble_{{5s, 30s}};
};

TEST_F(LinkTroubleTest, ItIsToldOnceItHasLasted) {
  EXPECT_FALSE(fails(0s));
  EXPECT_FALSE(fails(4999ms));
  EXPECT_TRUE(fails(1ms));
  EXPECT_FALSE(fails(1h));
}

TEST_F(LinkTroubleTest, WhatWasNotToldIsNotToldToBeOver) {
  EXPECT_FALSE(fails(0s));
  EXPECT_FALSE(fails(4999ms));
  EXPECT_FALSE(trouble_.over());
}

TEST_F(LinkTroubleTest, WhatWasToldIsToldToBeOverOnce) {
  fails(0s);
  EXPECT_TRUE(fails(5s));
  EXPECT_TRUE(trouble_.over());
  EXPECT_FALSE(trouble_.over());
}

TEST_F(LinkTroubleTest, EachTroubleHasTheWholePatience) {
  fails(0s);
  EXPECT_FALSE(fails(4s));
  trouble_.over();
  EXPECT_FALSE(fails(2s));
  EXPECT_FALSE(fails(4999ms));
  EXPECT_TRUE(fails(1ms));
}

TEST_F(LinkTroubleTest, AnotherReasonIsToldAfterAPause) {
  fails(0s);
  EXPECT_TRUE(fails(5s));
  EXPECT_FALSE(fails(29s, "no name"));
  EXPECT_TRUE(fails(1s, "no name"));
  EXPECT_FALSE(fails(29s));
  EXPECT_TRUE(fails(1s));
}

TEST_F(LinkTroubleTest, ARefusalIsToldAtOnceAndOnce) {
  EXPECT_TRUE(is_refused(0s));
  EXPECT_FALSE(is_refused(1h));
  EXPECT_TRUE(is_refused(0s, "go further away"));
}

TEST_F(LinkTroubleTest, ARefusalIsToldInTheMidstOfAnotherTrouble) {
  fails(0s);
  EXPECT_TRUE(fails(5s));
  EXPECT_TRUE(is_refused(1s));
}

}  // namespace
}  // namespace rqlite::cluster
