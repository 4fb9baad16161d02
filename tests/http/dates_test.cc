#include "http/dates.h"

#include <gtest/gtest.h>

#include <string>

namespace rqlite::http {
namespace {

constexpr const char* kUnreadable = "0001-01-01T00:00:00Z";

// The date, or "error: " and the text.
std::string shown(const Result<std::string>& date) {
  return date.ok() ? *date : "error: " + date.error().text();
}
std::string of(std::string_view text) { return shown(date_of_text(text)); }
std::string of_integer(std::int64_t value) { return shown(date_of_integer(value)); }

TEST(DateOfTextTest, ReadsTheLayoutsThatClientsWrite) {
  EXPECT_EQ(of("2004-02-14"), "2004-02-14T00:00:00Z");
  EXPECT_EQ(of("2021-10-22 19:39"), "2021-10-22T19:39:00Z");
  EXPECT_EQ(of("2021-10-22T19:39"), "2021-10-22T19:39:00Z");
  EXPECT_EQ(of("2021-10-22 19:39:32"), "2021-10-22T19:39:32Z");
  EXPECT_EQ(of("2021-10-22 19:39:32.016087"), "2021-10-22T19:39:32.016087Z");
  EXPECT_EQ(of("2021-10-22T19:39:32.016087"), "2021-10-22T19:39:32.016087Z");
  EXPECT_EQ(of("2021-10-22T19:39:32+05:30"), "2021-10-22T19:39:32+05:30");
  EXPECT_EQ(of("2021-10-22 19:39:32.5-08:00"), "2021-10-22T19:39:32.5-08:00");
  EXPECT_EQ(of("0000-01-01"), "0000-01-01T00:00:00Z");
  EXPECT_EQ(of("2024-02-29"), "2024-02-29T00:00:00Z");
}

TEST(DateOfTextTest, TakesOneTrailingZ) {
  EXPECT_EQ(of("2004-02-14Z"), "2004-02-14T00:00:00Z");
  EXPECT_EQ(of("2021-10-22T19:39:32Z"), "2021-10-22T19:39:32Z");
  EXPECT_EQ(of("2021-10-22T19:39:32ZZ"), kUnreadable);
}

TEST(DateOfTextTest, ForgivesAnHourOfOneDigitACommaAndSeveralBlanks) {
  EXPECT_EQ(of("2021-10-22 7:05:09"), "2021-10-22T07:05:09Z");
  EXPECT_EQ(of("2021-10-22T7:05"), "2021-10-22T07:05:00Z");
  EXPECT_EQ(of("2021-10-22  19:39:32,5"), "2021-10-22T19:39:32.5Z");
  EXPECT_EQ(of("2021-10-22    19:39"), "2021-10-22T19:39:00Z");
}

TEST(DateOfTextTest, FractionsLoseTrailingZerosAndDigitsBehindTheNinth) {
  EXPECT_EQ(of("2021-10-22 19:39:32.500"), "2021-10-22T19:39:32.5Z");
  EXPECT_EQ(of("2021-10-22 19:39:32.000"), "2021-10-22T19:39:32Z");
  EXPECT_EQ(of("2021-10-22 19:39:32.1234567899"), "2021-10-22T19:39:32.123456789Z");
}

TEST(DateOfTextTest, ZeroOffsetIsZ) {
  EXPECT_EQ(of("2021-10-22 19:39:32+00:00"), "2021-10-22T19:39:32Z");
  EXPECT_EQ(of("2021-10-22 19:39:32-00:00"), "2021-10-22T19:39:32Z");
}

TEST(DateOfTextTest, AnythingElseIsTheYearOne) {
  for (const char* text : {"",
                           "19:39",
                           "2021-02-30",
                           "2023-02-29",
                           "2021-13-01",
                           "2021-00-01",
                           "2021-01-00",
                           "2021-10-22 24:00:00",
                           "2021-10-22 19:60",
                           "2021-10-22 19:39:60",
                           "2021-10-22 19:39:32+0000",
                           "2021-10-22 19:39+05:30",
                           "2021-10-22t19:39:32",
                           "2021-10-22T19:39:32z",
                           " 2021-10-22",
                           "2021-10-22 ",
                           "2021-10-22T",
                           "10000-01-01",
                           "21-10-22",
                           "2021-1-2",
                           "2021/10/22",
                           "now",
                           "2021-10-22 19:39:32.",
                           "2021-10-22 19:39:32.x",
                           "2021-10-22T 19:39",
                           "2021-10-22 1939",
                           "2021-10-22 19:39:32+05:3",
                           "2021-10-22 19:39:32 +05:30",
                           "-2021-10-22"}) {
    EXPECT_EQ(of(text), kUnreadable) << text;
  }
}

TEST(DateOfTextTest, AnOffsetOf24HoursFailsTheStatement) {
  constexpr const char* kWhy = "error: Time.MarshalText: timezone hour outside of range [0,23]";
  EXPECT_EQ(of("2021-10-22 19:39:32+24:00"), kWhy);
  EXPECT_EQ(of("2021-10-22 19:39:32-24:30"), kWhy);
  EXPECT_EQ(of("2021-10-22 19:39:32+23:59"), "2021-10-22T19:39:32+23:59");
  EXPECT_EQ(of("2021-10-22 19:39:32+25:00"), kUnreadable);
}

TEST(DateOfIntegerTest, IsUnixTime) {
  EXPECT_EQ(of_integer(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(of_integer(20211022), "1970-08-22T22:10:22Z");
  EXPECT_EQ(of_integer(1634931572), "2021-10-22T19:39:32Z");
  EXPECT_EQ(of_integer(-1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(of_integer(-86401), "1969-12-30T23:59:59Z");
}

TEST(DateOfIntegerTest, BeyondATrillionItIsMilliseconds) {
  EXPECT_EQ(of_integer(1'634'931'572'016), "2021-10-22T19:39:32.016Z");
  EXPECT_EQ(of_integer(1'000'000'000'001), "2001-09-09T01:46:40.001Z");
  EXPECT_EQ(of_integer(-1'000'000'000'001), "1938-04-24T22:13:19.999Z");
}

TEST(DateOfIntegerTest, MillisecondsWrapBeyond64BitsOfNanoseconds) {
  EXPECT_EQ(of_integer(9'223'372'036'854), "2262-04-11T23:47:16.854Z");
  EXPECT_EQ(of_integer(9'223'372'036'855), "1677-09-21T00:12:43.145448384Z");
}

TEST(DateOfIntegerTest, YearsOfFiveDigitsFailTheStatement) {
  constexpr const char* kWhy = "error: Time.MarshalText: year outside of range [0,9999]";
  EXPECT_EQ(of_integer(253'402'300'799), "9999-12-31T23:59:59Z");
  EXPECT_EQ(of_integer(253'402'300'800), kWhy);
  EXPECT_EQ(of_integer(-62'167'219'200), "0000-01-01T00:00:00Z");
  EXPECT_EQ(of_integer(-62'167'219'201), kWhy);
  EXPECT_EQ(of_integer(1'000'000'000'000), kWhy);
}

TEST(DateOfTimeTest, IsInUtcAndToTheNanosecond) {
  using namespace std::chrono_literals;
  EXPECT_EQ(date_of_time(WallTime()), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(date_of_time(WallTime(1'000'000'000s + 5ns)), "2001-09-09T01:46:40.000000005Z");
  EXPECT_EQ(date_of_time(WallTime(-1ns)), "1969-12-31T23:59:59.999999999Z");
}

}  // namespace
}  // namespace rqlite::http
