#include "base/flags.h"

#include <gtest/gtest.h>

#include <limits>

namespace rqlite {
namespace {

using namespace std::chrono_literals;

class FlagsTest : public ::testing::Test {
 protected:
  FlagsTest() {
    flags_.add("fk", &fk_, "Switch");
    flags_.add("stepdown", &stepdown_, "Switch that is on");
    flags_.add("attempts", &attempts_, "Integer");
    flags_.add("snap", &snap_, "Natural number");
    flags_.add("interval", &interval_, "Duration");
    flags_.add("node-id", &node_id_, "Text");
    flags_.add("key", &key_, "Text with a default");
    flags_.refuse("join");
  }

  // The error's text, "help", or what stands behind the flags, separated by "|".
  std::string parse(const std::vector<std::string>& arguments) {
    const Flags::Parsed parsed = flags_.parse(arguments);
    if (parsed.outcome == Flags::Outcome::kHelp) return "help";
    if (parsed.outcome == Flags::Outcome::kRefused) return "refused: " + parsed.error;
    if (parsed.outcome == Flags::Outcome::kError) return parsed.error;
    std::string rest;
    for (const std::string& each : parsed.rest) rest += (rest.empty() ? "" : "|") + each;
    return rest;
  }

  Flags flags_;
  bool fk_ = false;
  bool stepdown_ = true;
  std::int64_t attempts_ = 5;
  std::uint64_t snap_ = 0;
  Flags::Duration interval_ = 3s;
  std::string node_id_;
  std::string key_ = "rqlite";
};

TEST_F(FlagsTest, ValuesAreAttachedOrTheNextArgumentBehindOneDashOrTwo) {
  EXPECT_EQ(parse({"-attempts", "7", "--interval=90s", "--node-id", "a b", "-key=", "data"}),
            "data");
  EXPECT_EQ(attempts_, 7);
  EXPECT_EQ(interval_, 90s);
  EXPECT_EQ(node_id_, "a b");
  EXPECT_EQ(key_, "");
}

TEST_F(FlagsTest, AValueMayLookLikeAFlagAndHoldAnEqualsSign) {
  EXPECT_EQ(parse({"-node-id", "-fk", "-key=a=b"}), "");
  EXPECT_EQ(node_id_, "-fk");
  EXPECT_EQ(key_, "a=b");
  EXPECT_FALSE(fk_);
}

TEST_F(FlagsTest, BooleansNeverConsumeTheNextArgument) {
  EXPECT_EQ(parse({"-fk", "false", "data"}), "false|data");
  EXPECT_TRUE(fk_);
  EXPECT_EQ(parse({"-stepdown=false"}), "");
  EXPECT_FALSE(stepdown_);
}

TEST_F(FlagsTest, BooleansAreSpelledInTwelveWays) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    fk_ = false;
    EXPECT_EQ(parse({std::string("-fk=") + yes}), "");
    EXPECT_TRUE(fk_) << yes;
  }
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"}) {
    fk_ = true;
    EXPECT_EQ(parse({std::string("-fk=") + no}), "");
    EXPECT_FALSE(fk_) << no;
  }
  for (const char* neither : {"maybe", "yes", "tRUE", "2", ""}) {
    EXPECT_EQ(parse({std::string("-fk=") + neither}),
              std::string("invalid boolean value \"") + neither + "\" for -fk: parse error");
  }
}

TEST_F(FlagsTest, FlagsEndAtTheFirstArgumentThatIsNone) {
  EXPECT_EQ(parse({"data", "-fk"}), "data|-fk");
  EXPECT_EQ(parse({"-"}), "-");
  EXPECT_EQ(parse({"--", "-fk"}), "-fk");
  EXPECT_EQ(parse({""}), "");
  EXPECT_FALSE(fk_);
}

TEST_F(FlagsTest, TheLastOfEqualFlagsCounts) {
  EXPECT_EQ(parse({"-attempts=1", "-attempts=2"}), "");
  EXPECT_EQ(attempts_, 2);
}

TEST_F(FlagsTest, NumbersMayHaveAPrefixAndSeparators) {
  const std::pair<const char*, std::int64_t> good[] = {
      {"0", 0},
      {"-3", -3},
      {"+3", 3},
      {"1_000", 1000},
      {"0x1F", 31},
      {"0X1f", 31},
      {"0o17", 15},
      {"0b101", 5},
      {"017", 15},
      {"-0x10", -16},
      {"0x_1F", 31},
      {"0_17", 15},
      {"9223372036854775807", 9223372036854775807},
      {"-9223372036854775808", std::numeric_limits<std::int64_t>::min()},
  };
  for (const auto& [text, number] : good) {
    EXPECT_EQ(parse({std::string("-attempts=") + text}), "");
    EXPECT_EQ(attempts_, number) << text;
  }
}

TEST_F(FlagsTest, EverythingElseIsNoNumber) {
  for (const char* text : {"", "x", "1.5", "1e3", " 1", "1 ", "0x", "0b2", "08", "--1", "+-1", "_1",
                           "1_", "1__0", "-", "_"}) {
    EXPECT_EQ(parse({std::string("-attempts=") + text}),
              std::string("invalid value \"") + text + "\" for flag -attempts: parse error");
  }
}

TEST_F(FlagsTest, NumbersStayInTheirRange) {
  for (const char* text :
       {"9223372036854775808", "-9223372036854775809", "99999999999999999999999"}) {
    EXPECT_EQ(parse({std::string("-attempts=") + text}),
              std::string("invalid value \"") + text + "\" for flag -attempts: value out of range");
  }
  EXPECT_EQ(parse({"-snap=18446744073709551615"}), "");
  EXPECT_EQ(snap_, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(parse({"-snap=18446744073709551616"}),
            "invalid value \"18446744073709551616\" for flag -snap: value out of range");
  EXPECT_EQ(parse({"-snap=-1"}), "invalid value \"-1\" for flag -snap: parse error");
  EXPECT_EQ(parse({"-snap=+1"}), "invalid value \"+1\" for flag -snap: parse error");
}

TEST_F(FlagsTest, DurationsAreReadTheWayUrlsWriteThem) {
  EXPECT_EQ(parse({"-interval", "1h30m"}), "");
  EXPECT_EQ(interval_, 90min);
  EXPECT_EQ(parse({"-interval=10"}), "invalid value \"10\" for flag -interval: parse error");
}

TEST_F(FlagsTest, SaysWhatIsWrongWithAFlag) {
  EXPECT_EQ(parse({"-foo"}), "flag provided but not defined: -foo");
  EXPECT_EQ(parse({"--foo=1"}), "flag provided but not defined: -foo");
  EXPECT_EQ(parse({"-node-id"}), "flag needs an argument: -node-id");
  EXPECT_EQ(parse({"---x"}), "bad flag syntax: ---x");
  EXPECT_EQ(parse({"-=x"}), "bad flag syntax: -=x");
  EXPECT_EQ(parse({"--=x"}), "bad flag syntax: --=x");
}

TEST_F(FlagsTest, TheFirstProblemIsReported) {
  EXPECT_EQ(parse({"-foo", "-attempts=x"}), "flag provided but not defined: -foo");
  EXPECT_EQ(parse({"-attempts=x", "-h"}), "invalid value \"x\" for flag -attempts: parse error");
}

TEST_F(FlagsTest, HelpIsAskedForInThreeWays) {
  for (const char* text : {"-h", "-help", "--help", "--h"}) EXPECT_EQ(parse({text}), "help");
}

TEST_F(FlagsTest, KnownFlagsThatDoNotWorkAreRefusedByName) {
  EXPECT_EQ(parse({"-fk", "--join", "a:1"}), "refused: -join is not built yet");
}

TEST_F(FlagsTest, KnowsWhichWereGiven) {
  EXPECT_EQ(parse({"-attempts=5", "-fk"}), "");
  EXPECT_TRUE(flags_.was_given("attempts"));
  EXPECT_TRUE(flags_.was_given("fk"));
  EXPECT_FALSE(flags_.was_given("key"));
  EXPECT_FALSE(flags_.was_given("no-such-flag"));
}

TEST_F(FlagsTest, UsageListsThemByNameWithTypeAndDefault) {
  EXPECT_EQ(flags_.usage(),
            "  -attempts int\n    \tInteger (default 5)\n"
            "  -fk\n    \tSwitch\n"
            "  -interval duration\n    \tDuration (default 3s)\n"
            "  -key string\n    \tText with a default (default \"rqlite\")\n"
            "  -node-id string\n    \tText\n"
            "  -snap uint\n    \tNatural number\n"
            "  -stepdown\n    \tSwitch that is on (default true)\n");
}

}  // namespace
}  // namespace rqlite
