#include "http/json_text.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include "base/random.h"

namespace rqlite::http {
namespace {

using namespace std::string_literals;

std::string json_of(std::string_view text) {
  Bytes json;
  append_json_string(json, text);
  return json;
}

std::string real(double value) {
  Bytes json;
  append_json_real(json, value);
  return json;
}

std::string integer(std::int64_t value) {
  Bytes json;
  append_json_integer(json, value);
  return json;
}

TEST(JsonStringTest, PlainTextStandsForItself) {
  EXPECT_EQ(json_of(""), "\"\"");
  EXPECT_EQ(json_of("it's a/b \x7f"), "\"it's a/b \x7f\"");
  EXPECT_EQ(json_of("\u00e9\u20ac\U0001f600"), "\"\u00e9\u20ac\U0001f600\"");
}

TEST(JsonStringTest, EscapesWhatJsonAndHtmlKnow) {
  EXPECT_EQ(json_of("\"\\"), R"("\"\\")");
  EXPECT_EQ(json_of("\b\f\n\r\t"), R"("\b\f\n\r\t")");
  EXPECT_EQ(json_of("\0\x01\x0b\x1f"s), R"("\u0000\u0001\u000b\u001f")");
  EXPECT_EQ(json_of("<a href='x'>&</a>"), R"("\u003ca href='x'\u003e\u0026\u003c/a\u003e")");
  EXPECT_EQ(json_of("a\u2028b\u2029c\u2027"), "\"a\\u2028b\\u2029c\u2027\"");
}

TEST(JsonStringTest, EachByteThatIsNotUtf8IsReplaced) {
  EXPECT_EQ(json_of("a\xff"), R"("a\ufffd")");
  EXPECT_EQ(json_of("\x80\x80"), R"("\ufffd\ufffd")");
  EXPECT_EQ(json_of("\xc0\xaf"), R"("\ufffd\ufffd")");                        // overlong
  EXPECT_EQ(json_of("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");              // a surrogate
  EXPECT_EQ(json_of("\xe2\x82"), R"("\ufffd\ufffd")");                        // cut
  EXPECT_EQ(json_of("\xf4\x90\x80\x80x"), R"("\ufffd\ufffd\ufffd\ufffdx")");  // beyond Unicode
  EXPECT_EQ(json_of("\xe2\x82\xac\xe2"), "\"\u20ac\\ufffd\"");
}

TEST(JsonNumberTest, IntegersKeepAll64Bits) {
  EXPECT_EQ(integer(0), "0");
  EXPECT_EQ(integer(INT64_MAX), "9223372036854775807");
  EXPECT_EQ(integer(INT64_MIN), "-9223372036854775808");
}

TEST(JsonNumberTest, RealsAreTheShortestThatReadBackTheSame) {
  EXPECT_EQ(real(678), "678");
  EXPECT_EQ(real(0.1), "0.1");
  EXPECT_EQ(real(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(real(1e20), "100000000000000000000");
  EXPECT_EQ(real(1e21), "1e+21");
  EXPECT_EQ(real(2.5e22), "2.5e+22");
  EXPECT_EQ(real(0.000001), "0.000001");
  EXPECT_EQ(real(9.99e-7), "9.99e-7");
  EXPECT_EQ(real(1.7976931348623157e308), "1.7976931348623157e+308");
  EXPECT_EQ(real(5e-324), "5e-324");
  EXPECT_EQ(real(0.0), "0");
  EXPECT_EQ(real(-0.0), "-0");
  EXPECT_EQ(real(-1.5), "-1.5");
  EXPECT_EQ(real(123456.75), "123456.75");
  EXPECT_EQ(real(-1e-7), "-1e-7");
  EXPECT_EQ(real(999999999999999900000.0), "999999999999999900000");
  EXPECT_EQ(real(9007199254740991), "9007199254740991");
  EXPECT_EQ(real(9007199254740992), "9007199254740992");
  EXPECT_EQ(real(-36028797018963976.0), "-36028797018963976");
  EXPECT_EQ(real(36028797018963968.0 * 3), "108086391056891900");
  EXPECT_EQ(real(0.0000012345678901234567), "0.0000012345678901234567");
}

TEST(JsonNumberTest, EveryRealReadsBackTheSame) {
  for (std::uint64_t seed = 1; seed <= 20000; seed++) {
    Random random(seed);
    const auto value = std::bit_cast<double>(random.next());
    if (!std::isfinite(value)) continue;
    EXPECT_EQ(std::strtod(real(value).c_str(), nullptr), value) << "seed " << seed;
    // One that is written without an exponent.
    int exponent = 0;
    const double usual = std::ldexp(std::frexp(value, &exponent), exponent % 64);
    EXPECT_EQ(std::strtod(real(usual).c_str(), nullptr), usual) << "seed " << seed;
  }
}

TEST(IndentTest, PutsEachElementOnALineOfItsOwn) {
  EXPECT_EQ(indent_json(R"({"results":[{"columns":["id","name"],"values":[[1,"mira"]]}]})"),
            R"({
    "results": [
        {
            "columns": [
                "id",
                "name"
            ],
            "values": [
                [
                    1,
                    "mira"
                ]
            ]
        }
    ]
})");
}

TEST(IndentTest, EmptyOnesStayOnTheirLine) {
  EXPECT_EQ(indent_json("{}"), "{}");
  EXPECT_EQ(indent_json(R"({"a":[],"b":{},"c":[[]]})"),
            "{\n    \"a\": [],\n    \"b\": {},\n    \"c\": [\n        []\n    ]\n}");
}

TEST(IndentTest, LeavesStringsAlone) {
  EXPECT_EQ(indent_json(R"(["{,:}","\"[","\\"])"),
            "[\n    \"{,:}\",\n    \"\\\"[\",\n    \"\\\\\"\n]");
}

TEST(JsonTextTest, IndentsPiecesAsItDoesTheWhole) {
  const std::string compact =
      R"({"a":[],"b":{},"c":[[1,-2.5],["{,:}\\\"["],null],"d":{"e":{"f":[{}]}}})";
  const Bytes whole = indent_json(compact);
  for (std::size_t first = 0; first <= compact.size(); first++) {
    for (std::size_t second = first; second <= compact.size(); second++) {
      JsonIndenter indenter;
      Bytes text;
      indenter.append(text, compact.substr(0, first));
      indenter.append(text, compact.substr(first, second - first));
      indenter.append(text, compact.substr(second));
      ASSERT_EQ(text, whole) << first << " " << second;
    }
  }
}

}  // namespace
}  // namespace rqlite::http
