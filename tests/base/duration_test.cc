#include "base/duration.h"

#include <gtest/gtest.h>

namespace rqlite {
namespace {

using namespace std::chrono_literals;

TEST(Duration, ReadsWhatFlagsAndUrlsWrite) {
  EXPECT_EQ(parse_duration("0"), 0ns);
  EXPECT_EQ(parse_duration("-0"), 0ns);
  EXPECT_EQ(parse_duration("300ms"), 300ms);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("+1.5h"), 90min);
  EXPECT_EQ(parse_duration(".5s"), 500ms);
  EXPECT_EQ(parse_duration("1.s"), 1s);
  EXPECT_EQ(parse_duration("-1s"), -1s);
  EXPECT_EQ(parse_duration("7\u00b5s"), 7us);
  EXPECT_EQ(parse_duration("7\u03bcs"), 7us);
  EXPECT_EQ(parse_duration("1.0000000001s"), 1s);
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "1", "1d", "1S", " 1s", "1s ", "1e3s", "1m1", "2562048h", "s", ".s",
                           "-", "+", "1.2.3s", "9223372036854775808ns"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Duration, CoversAllOf64Bits) {
  EXPECT_EQ(parse_duration("9223372036854775807ns"), std::chrono::nanoseconds::max());
  EXPECT_EQ(parse_duration("-9223372036854775808ns"), std::chrono::nanoseconds::min());
  EXPECT_EQ(format_duration(std::chrono::nanoseconds::min()), "-2562047h47m16.854775808s");
}

TEST(Duration, WritesTheCanonicalText) {
  EXPECT_EQ(format_duration(0ns), "0s");
  EXPECT_EQ(format_duration(402ns), "402ns");
  EXPECT_EQ(format_duration(125500ns), "125.5\u00b5s");
  EXPECT_EQ(format_duration(1500us), "1.5ms");
  EXPECT_EQ(format_duration(50ms), "50ms");
  EXPECT_EQ(format_duration(90s), "1m30s");
  EXPECT_EQ(format_duration(100h), "100h0m0s");
  EXPECT_EQ(format_duration(24h), "24h0m0s");
  EXPECT_EQ(format_duration(20min + 34s + 567890123ns), "20m34.567890123s");
  EXPECT_EQ(format_duration(-1500ms), "-1.5s");
}

}  // namespace
}  // namespace rqlite
