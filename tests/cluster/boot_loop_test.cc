#include "cluster/boot_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "fakes/fake_sleeper.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using Addresses = std::vector<std::string>;
using Joined = Joiner::Result::Outcome;

class BootLoopTest : public ::testing::Test {
 protected:
  Status run(bool founds = true) {
    BootLoop::Means means{[this] {
                            asked.push_back("done?");
                            return is_done;
                          },
                          [this]() -> Result<Addresses> {
                            asked.push_back("look");
                            return addresses;
                          },
                          [this](const Addresses& all) {
                            asked.push_back("join " + std::to_string(all.size()));
                            return joined;
                          },
                          nullptr,
                          sleeper,
                          clock};
    if (founds) {
      means.found = [this](const Addresses&) {
        asked.push_back("found");
        if (founding_helps) is_done = true;
      };
    }
    return BootLoop(options, std::move(means), Random(1)).run();
  }
  [[nodiscard]] auto times(const std::string& what) const {
    return std::count(asked.begin(), asked.end(), what);
  }

  FakeClock clock;
  FakeSleeper sleeper{clock};
  BootLoop::Options options;
  bool is_done = false;
  bool founding_helps = false;
  Result<Addresses> addresses = Addresses{"a:1", "b:1"};
  Joiner::Result joined{Joined::kFailed, "", "failed to join cluster"};
  std::vector<std::string> asked;
};

TEST_F(BootLoopTest, WhoKnowsALeaderIsDoneAtOnce) {
  is_done = true;
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(asked, Addresses{"done?"});
  EXPECT_LE(sleeper.elapsed(), 2ms);
}

TEST_F(BootLoopTest, JoinsWhatIsThere) {
  joined = {Joined::kJoined, "b:1", ""};
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(asked, (Addresses{"done?", "look", "join 2"}));
}

TEST_F(BootLoopTest, FoundsIfNobodyLetsItIn) {
  founding_helps = true;
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(asked, (Addresses{"done?", "look", "join 2", "found", "done?"}));
  EXPECT_GE(sleeper.elapsed(), 1s);
  EXPECT_LE(sleeper.elapsed(), 2s + 1ms);
}

TEST_F(BootLoopTest, ACopyFoundsNothing) {
  EXPECT_EQ(run(false).text(), "boot timeout");
  EXPECT_EQ(times("found"), 0);
}

TEST_F(BootLoopTest, GivesUpInTheEnd) {
  options.timeout = 20s;
  const Status status = run();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.text(), "boot timeout");
  EXPECT_GE(sleeper.elapsed(), 20s);
  EXPECT_LE(sleeper.elapsed(), 22s);
  EXPECT_GE(times("found"), 10);
  EXPECT_LE(times("found"), 21);
}

TEST_F(BootLoopTest, EndsWhenItIsStopped) {
  sleeper.stop_at(5s);
  EXPECT_EQ(run().text(), "boot canceled");
  EXPECT_LE(sleeper.elapsed(), 7s);
}

TEST_F(BootLoopTest, LooksAgainWhenALookFindsNobody) {
  addresses = Addresses();
  EXPECT_EQ(run().text(), "boot timeout");
  EXPECT_GT(times("look"), 50);
  EXPECT_EQ(times("join 0"), 0);
  EXPECT_EQ(times("found"), 0);
}

TEST_F(BootLoopTest, LooksAgainWhenALookFails) {
  addresses = Status(Code::kUnavailable, "no such host");
  sleeper.at(10s, [this] {
    addresses = Addresses{"a:1"};
    joined = {Joined::kJoined, "a:1", ""};
  });
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(times("join 1"), 1);
}

TEST_F(BootLoopTest, WhoWasRemovedGoesOnNoFurther) {
  joined = {Joined::kRemoved, "a:1", "this node was removed from the cluster"};
  const Status status = run();
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_EQ(status.text(), "failed to join cluster: this node was removed from the cluster");
  EXPECT_EQ(times("found"), 0);
}

TEST_F(BootLoopTest, AStopWhileItJoinsFoundsNothing) {
  joined = {Joined::kStopped, "", "join operation canceled"};
  sleeper.stop_at(1ms);
  EXPECT_EQ(run().text(), "boot canceled");
  EXPECT_EQ(times("found"), 0);
}

}  // namespace
}  // namespace rqlite::cluster
