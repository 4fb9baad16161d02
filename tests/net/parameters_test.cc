#include "net/parameters.h"

#include <gtest/gtest.h>

#include <string>

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;

// Of a query that is well-formed.
Parameters parse(std::string_view query) {
  Result<Parameters> parameters = Parameters::parse(query);
  EXPECT_TRUE(parameters.ok()) << query << ": " << parameters.status().text();
  return parameters.ok() ? *parameters : Parameters();
}

// The text for the client, empty if there is nothing wrong.
std::string error(std::string_view query) { return Parameters::parse(query).status().text(); }

TEST(ParametersTest, DecodesNamesAndValues) {
  const Parameters parameters = parse("q=SELECT+1%2b1&a%20b=%e2%82%AC&key=a=b");
  EXPECT_EQ(parameters.text("q", ""), "SELECT 1+1");
  EXPECT_EQ(parameters.text("a b", ""), "\u20ac");
  EXPECT_EQ(parameters.text("key", ""), "a=b");
  EXPECT_EQ(parameters.text("missing", "otherwise"), "otherwise");
}

TEST(ParametersTest, FlagsAreOnWhateverTheirValue) {
  for (const char* query : {"pretty", "pretty=", "pretty=yes", "pretty=false", "pretty=0"}) {
    EXPECT_TRUE(parse(query).has("pretty")) << query;
  }
  EXPECT_FALSE(parse("").has("pretty"));
}

TEST(ParametersTest, NamesAreCaseSensitiveAndTheFirstValueCounts) {
  EXPECT_FALSE(parse("Pretty").has("pretty"));
  EXPECT_EQ(parse("level=none&level=strong").text("level", ""), "none");
}

TEST(ParametersTest, UnknownAndEmptyOnesAreIgnored) { EXPECT_EQ(error("bypass&foo=bar&&&x="), ""); }

TEST(ParametersTest, ReadsDurations) {
  const Parameters parameters = parse("timeout=1h30m&db_timeout=-1s&freshness=0");
  EXPECT_EQ(parameters.duration("timeout", 0s), 90min);
  EXPECT_EQ(parameters.duration("db_timeout", 0s), -1s);
  EXPECT_EQ(parameters.duration("freshness", 1s), 0s);
  EXPECT_EQ(parameters.duration("linearizable_timeout", 10s), 10s);
}

TEST(ParametersTest, ASemicolonIsAnError) {
  EXPECT_EQ(error("a;b"), "invalid semicolon separator in query");
  EXPECT_EQ(error("a=%ZZ&b=;"), "invalid semicolon separator in query");
  EXPECT_EQ(error("q=SELECT%3B"), "");
}

TEST(ParametersTest, TheFirstBadEscapeIsNamed) {
  EXPECT_EQ(error("a=%ZZ"), "invalid URL escape \"%ZZ\"");
  EXPECT_EQ(error("a=x%4"), "invalid URL escape \"%4\"");
  EXPECT_EQ(error("a=%"), "invalid URL escape \"%\"");
  EXPECT_EQ(error("%g1=%h2"), "invalid URL escape \"%g1\"");
  EXPECT_EQ(error("a=%41&b=%zzz"), "invalid URL escape \"%zz\"");
  EXPECT_EQ(error("a=%&timeout=x"), "invalid URL escape \"%\"");
}

TEST(ParametersTest, ValuesAreCheckedInTheOrderThatClientsKnow) {
  EXPECT_EQ(error("freshness_strict&timeout=x"), "freshness_strict requires freshness");
  EXPECT_EQ(error("freshness_strict&freshness=1s"), "");
  EXPECT_EQ(error("linearizable_timeout=x&db_timeout=x&freshness=x&timeout=x&retries=x&q="),
            "timeout is not a valid duration");
  EXPECT_EQ(error("linearizable_timeout=x&db_timeout=x&freshness=x"),
            "freshness is not a valid duration");
  EXPECT_EQ(error("linearizable_timeout=x&db_timeout=x"), "db_timeout is not a valid duration");
  EXPECT_EQ(error("retries=x&linearizable_timeout=x"),
            "linearizable_timeout is not a valid duration");
  EXPECT_EQ(error("q=&trailing_logs=x&retries=x"), "retries is not a valid integer");
  EXPECT_EQ(error("q=&trailing_logs=x"), "trailing_logs is not a valid integer");
  EXPECT_EQ(error("q="), "query parameter not set");
  EXPECT_EQ(error("q"), "query parameter not set");
}

TEST(ParametersTest, DurationsThatAreNone) {
  for (const char* value :
       {"", "1", "1d", "1S", "%201s", "1s%20", "1e3s", "1m1", "2562048h", "+1s"}) {
    EXPECT_EQ(error(std::string("timeout=") + value), "timeout is not a valid duration") << value;
  }
  EXPECT_EQ(error("timeout=%2B1s"), "");
  EXPECT_EQ(error("timeout"), "timeout is not a valid duration");
}

TEST(ParametersTest, IntegersThatAreNone) {
  for (const char* value : {"", "x", "1.0", "0x1", "1_0", "%201", "1%20", "%2B-1", "-%2B1", "--1",
                            "9223372036854775808"}) {
    EXPECT_EQ(error(std::string("retries=") + value), "retries is not a valid integer") << value;
  }
  for (const char* value : {"0", "-1", "%2B7", "007", "9223372036854775807"}) {
    EXPECT_EQ(error(std::string("retries=") + value), "") << value;
  }
}

TEST(PercentDecodeTest, APlusIsABlankOnlyInQueries) {
  EXPECT_EQ(*percent_decode("a+b%2Fc", true), "a b/c");
  EXPECT_EQ(*percent_decode("a+b%2Fc", false), "a+b/c");
}

}  // namespace
}  // namespace rqlite::net
