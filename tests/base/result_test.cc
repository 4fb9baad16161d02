#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace rqlite {
namespace {

Status fail_at(int step, int failing) {
  return step == failing ? Status(Code::kFull, std::to_string(step)) : Status();
}

// Stops at the first step that fails.
Status run_steps(int failing) {
  for (int step = 0; step < 3; step++) RETURN_IF_ERROR(fail_at(step, failing));
  return {Code::kOk, "all done"};
}

TEST(StatusTest, IsOkUnlessItSaysWhy) {
  EXPECT_TRUE(Status().ok());
  EXPECT_EQ(Status(), Status(Code::kOk, ""));
  EXPECT_FALSE(Status(Code::kInvalid, "").ok());
}

TEST(StatusTest, ContextGoesBeforeTheTextAndKeepsTheCode) {
  const Status status(Code::kDiskFull, "no room");
  EXPECT_EQ(status.with_context("open"), Status(Code::kDiskFull, "open: no room"));
  EXPECT_TRUE(Status().with_context("open").ok());
}

TEST(StatusTest, TellsAFullDiskFromOtherFailures) {
  for (int error : {ENOSPC, EDQUOT, EFBIG}) {
    EXPECT_EQ(status_from_errno("write", error).code(), Code::kDiskFull);
  }
  EXPECT_EQ(status_from_errno("write", EIO), Status(Code::kFailed, "write: input/output error"));
  EXPECT_EQ(status_from_errno("open x", ENOENT),
            Status(Code::kFailed, "open x: no such file or directory"));
}

TEST(StatusTest, TheFirstErrorEndsAFunction) {
  EXPECT_EQ(run_steps(1), Status(Code::kFull, "1"));
  EXPECT_EQ(run_steps(3).text(), "all done");
}

TEST(ResultTest, HoldsAValueOrTheReasonWhyNot) {
  Result<std::string> value = std::string("x");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(*value, "x");
  EXPECT_EQ(value->size(), 1u);
  EXPECT_TRUE(value.status().ok());

  const Result<std::string> error = Status(Code::kInvalid, "why");
  EXPECT_FALSE(error.has_value());
  EXPECT_EQ(error.error(), Status(Code::kInvalid, "why"));
  EXPECT_EQ(error.status(), error.error());
}

TEST(ResultTest, GivesUpWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 7);
}

TEST(ResultDeathTest, ReachingForWhatIsNotThereIsABug) {
  const Result<int> error = Status(Code::kInvalid, "why");
  EXPECT_DEATH((void)error.value(), "bug: has_value\\(\\) does not hold at .*result.h");
  const Result<int> value = 1;
  EXPECT_DEATH((void)value.error(), "bug: !has_value\\(\\) does not hold");
  EXPECT_DEATH((void)Result<int>{Status()}, "bug: .* does not hold");
}

}  // namespace
}  // namespace rqlite
