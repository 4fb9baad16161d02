#include "net/lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>
#include <vector>

#include "net/held_names.h"

namespace rqlite::net {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

class LookupTest : public ::testing::Test {
 protected:
  void find(const std::string& host) {
    lookup_->find(host, [this](const Lookup::Found& found) {
      std::string text = found.error;
      for (const auto& address : found.addresses) text += address.to_string() + " ";
      told_.push_back(text);
    });
  }
  // Until so many answers are there.
  void run(std::size_t number) {
    while (told_.size() < number) io_.run_one();
  }

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  HeldNames names_;
  std::optional<Lookup> lookup_{std::in_place, io_, names_.ask()};
  std::vector<std::string> told_;
};

TEST_F(LookupTest, TellsWhatItWasTold) {
  names_.answer("a", {"10.0.0.1", "::1"});
  names_.answer("b", {}, "no such host");
  find("a");
  EXPECT_TRUE(told_.empty());
  run(1);
  find("b");
  run(2);
  EXPECT_THAT(told_, ElementsAre("10.0.0.1 ::1 ", "no such host"));
}

TEST_F(LookupTest, ANameIsAskedForOnceAtATime) {
  for (int i = 0; i < 3; i++) find("a");
  names_.await_asked(1);
  names_.answer("a", {"10.0.0.1"});
  run(3);
  EXPECT_THAT(told_, Each("10.0.0.1 "));
  EXPECT_THAT(names_.asked(), ElementsAre("a"));
  find("a");
  run(4);
  EXPECT_THAT(names_.asked(), ElementsAre("a", "a"));
}

TEST_F(LookupTest, ASlowNameDoesNotHoldUpOthers) {
  find("slow");
  names_.answer("quick", {"10.0.0.1"});
  find("quick");
  run(1);
  EXPECT_THAT(told_, ElementsAre("10.0.0.1 "));
  names_.answer("slow", {"10.0.0.2"});
  run(2);
}

TEST_F(LookupTest, OnlySoManyNamesAreAskedForAtOnce) {
  const std::size_t number = 2 * Lookup::kAtOnceMax;
  for (std::size_t i = 0; i < number; i++) find(std::to_string(i));
  names_.await_asked(Lookup::kAtOnceMax);
  for (std::size_t i = 0; i < number; i++) names_.answer(std::to_string(i), {"10.0.0.1"});
  run(number);
  EXPECT_EQ(names_.asked().size(), number);
  EXPECT_LE(names_.at_once_max(), Lookup::kAtOnceMax);
}

TEST_F(LookupTest, NobodyWaitsForANameWhenItGoes) {
  find("slow");
  names_.await_asked(1);
  lookup_.reset();
  names_.answer("slow", {"10.0.0.1"});
  EXPECT_TRUE(told_.empty());
}

TEST_F(LookupTest, TheSystemKnowsItself) {
  lookup_.emplace(io_);
  find("localhost");
  run(1);
  EXPECT_THAT(told_[0],
              ::testing::AnyOf(::testing::HasSubstr("127.0.0.1"), ::testing::HasSubstr("::1")));
  find("no such host");
  run(2);
  EXPECT_EQ(told_[1], "no such host");
}

}  // namespace
}  // namespace rqlite::net
