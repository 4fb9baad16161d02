#include "store/applied_index.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

class AppliedIndexTest : public ::testing::Test {
 protected:
  static TimePoint at(std::chrono::nanoseconds time) { return TimePoint(time); }
  // What when() said so far: "ok", the error's text, or "waits".
  std::string& wait(std::uint64_t index, std::chrono::nanoseconds deadline) {
    std::string& said = said_.emplace_back("waits");
    applied_.when(raft::Index(index), at(deadline), [&said](const Status& status) {
      EXPECT_EQ(said, "waits");
      said = status.ok() ? "ok" : status.text();
    });
    return said;
  }

  AppliedIndex applied_;
  std::deque<std::string> said_;
};

TEST_F(AppliedIndexTest, TellsAtOnceWhatIsApplied) {
  applied_.advance(raft::Index(5));
  EXPECT_EQ(wait(5, 1s), "ok");
  EXPECT_EQ(wait(3, 1s), "ok");
  EXPECT_FALSE(applied_.anybody_waits());
}

TEST_F(AppliedIndexTest, WakesThoseWhoseIndexIsReached) {
  const std::string& two = wait(2, 1s);
  const std::string& three = wait(3, 1s);
  const std::string& nine = wait(9, 1s);
  applied_.advance(raft::Index(3));
  EXPECT_EQ(two, "ok");
  EXPECT_EQ(three, "ok");
  EXPECT_EQ(nine, "waits");
}

TEST_F(AppliedIndexTest, EndsWaitsWhoseTimeIsUp) {
  const std::string& early = wait(2, 1s);
  const std::string& late = wait(2, 2s);
  applied_.expire(at(1s));
  EXPECT_EQ(early, "index 2: timeout waiting for fsm");
  EXPECT_EQ(late, "waits");
}

TEST_F(AppliedIndexTest, ClosedItFailsAllAndStillTellsWhatIsApplied) {
  const std::string& waiting = wait(2, 1s);
  applied_.advance(raft::Index(1));
  applied_.close({Code::kUnavailable, "store not open"});
  EXPECT_EQ(waiting, "store not open");
  EXPECT_EQ(wait(2, 1s), "store not open");
  EXPECT_EQ(wait(1, 1s), "ok");
}

}  // namespace
}  // namespace rqlite::store
