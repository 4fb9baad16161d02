#include "http/statements_body.h"

#include <gtest/gtest.h>

#include <string>

#include "command/request_text.h"

namespace rqlite::http {
namespace {

using namespace std::string_literals;

std::string text_of(const ParsedStatements& parsed) {
  return command::text_of_batch(parsed.encoded);
}

class StatementsBodyTest : public ::testing::Test {
 protected:
  // The statements, each in brackets, or "error: " and the text for the client.
  std::string parse(std::string body, command::RequestFlags flags = {}) {
    const Result<ParsedStatements> parsed = parser_.parse_json(body, flags);
    if (!parsed.ok()) return "error: " + parsed.error().text();
    return text_of(*parsed);
  }
  // A parameter as it is bound.
  std::string value(const std::string& json) {
    const std::string text = parse("[[\"\"," + json + "]]");
    return text.starts_with("[, ") ? text.substr(3, text.size() - 4) : text;
  }

  StatementsParser parser_;
};

TEST_F(StatementsBodyTest, AStatementIsAStringOrAListThatBeginsWithOne) {
  EXPECT_EQ(parse(R"(["SELECT 1"])"), "[SELECT 1]");
  EXPECT_EQ(parse(R"([["SELECT 1"]])"), "[SELECT 1]");
  EXPECT_EQ(parse(R"(["a",["b",1],"c",["d","x",null]])"), "[a][b, 1][c][d, 'x', NULL]");
  EXPECT_EQ(parse(" [ \"a\" ,\n[\t\"b\" , 1 ] ]\r\n"), "[a][b, 1]");
  EXPECT_EQ(parse("[]"), "");
  EXPECT_EQ(parse(R"([""])"), "[]");
}

TEST_F(StatementsBodyTest, FlagsTravelWithTheRequest) {
  EXPECT_EQ(parse(R"(["a"])", {.transaction = true}), "transaction [a]");
}

TEST_F(StatementsBodyTest, EqualStatementsAreAllThere) {
  EXPECT_EQ(parse(R"(["a","a",["a",1],["a",2],"a"])"), "[a][a][a, 1][a, 2][a]");
}

TEST_F(StatementsBodyTest, EscapesAreDecodedAndTextEndsAtANul) {
  EXPECT_EQ(parse(R"(["SELECT \"a\u00e9\"\n"])"), "[SELECT \"a\u00e9\"\n]");
  EXPECT_EQ(parse(R"(["SELECT 1\u0000; DROP TABLE t"])"), "[SELECT 1]");
  EXPECT_EQ(value(R"("a\u0000b")"), "'a\0b'"s);
}

TEST_F(StatementsBodyTest, WhatIsNoUnicodeIsReplaced) {
  EXPECT_EQ(parse("[\"a\xff\"]"), "[a\ufffd]");
  EXPECT_EQ(parse("[[\"a\",\"\xe2\x82\"]]"), "[a, '\ufffd\ufffd']");
  EXPECT_EQ(parse(R"(["\ud800"])"), "[\ufffd]");
}

TEST_F(StatementsBodyTest, WhatStandsBehindTheListIsIgnored) {
  for (const char* behind : {" ", "\n", "]", "x", "[1]", "{\"a\":", "\"open", "\xff", "\0"}) {
    EXPECT_EQ(parse(R"(["a",["b","]"]])"s + behind), "[a][b, ']']") << behind;
  }
}

TEST_F(StatementsBodyTest, BytesThatAreNoJson) {
  for (const char* body : {"",
                           " \n",
                           "nonsense",
                           "[",
                           "[\"a\"",
                           "[\"a",
                           "[\"a\",]",
                           "[\"a\" \"b\"]",
                           "[,]",
                           "[\"a\",,]",
                           "\xef\xbb\xbf[\"a\"]",
                           "[\"a\nb\"]",
                           "[\"a\\x\"]",
                           "['a']",
                           "[[\"a\",1 2]]",
                           "[[\"a\",01]]",
                           "[[\"a\",nul]]",
                           "[[\"a\",truex]]",
                           "[[\"a\",+1]]",
                           "[[\"a\",.5]]",
                           "[[\"a\",1.]]",
                           "[[\"a\",{\"k\" 1}]]",
                           "[[\"a\",{\"k\":}]]",
                           "[[\"a\",{k:1}]]",
                           "[[\"a\",[1,]]]",
                           "[[\"a\",-]]",
                           "[[\"a\",{\"k\":1,}]]",
                           "nul",
                           "tru",
                           "12x",
                           "[nul]",
                           "[nothing]",
                           "[falsehood]",
                           "[01]",
                           "[-]",
                           "[[nul]]",
                           "[[tru]]",
                           "[[1x]]",
                           "[\"a\", nothing, 1]",
                           "[[\"a\",[nul]]]",
                           "[[\"a\",[tru]]]",
                           "[x]"}) {
    EXPECT_EQ(parse(body), "error: invalid JSON body") << body;
  }
}

TEST_F(StatementsBodyTest, JsonThatIsNoListOfStatements) {
  for (const char* body : {"\"SELECT 1\"", "{}", "null", "12", "true", "1.5e3", "{\"a\":1}", "[1]",
                           "[true]", "[null]", "[{}]", "[\"a\",1]", "[[]]", "[\"a\",[]]", "[[1]]",
                           "[[null]]", "[[[\"a\"]]]", "[[{\"a\":1}]]"}) {
    EXPECT_EQ(parse(body), "error: invalid request") << body;
  }
}

TEST_F(StatementsBodyTest, NumbersThatDoNotFit) {
  EXPECT_EQ(value("1E400"), "error: invalid number 1E400");
  EXPECT_EQ(value("-1e999"), "error: invalid number -1e999");
  EXPECT_EQ(value("1e-400"), "real 0.000000");
}

TEST_F(StatementsBodyTest, ElementsThatAreNoBytes) {
  for (const char* element : {"256", "-1", "1.0", "1e2", "99999999999999999999", "-0"}) {
    EXPECT_EQ(value("["s + element + "]"), "error: unsupported type "s + element);
  }
  EXPECT_EQ(value("[1,true]"), "error: unsupported type bool");
  EXPECT_EQ(value("[\"a\"]"), "error: unsupported type string");
  EXPECT_EQ(value("[null]"), "error: unsupported type <nil>");
  EXPECT_EQ(value("[[1]]"), "error: unsupported type []interface {}");
  EXPECT_EQ(value("[{}]"), "error: unsupported type map[string]interface {}");
}

TEST_F(StatementsBodyTest, AnObjectIsNoValueOfAName) {
  EXPECT_EQ(value(R"({"a":{}})"), "error: unsupported type map[string]interface {}");
}

TEST_F(StatementsBodyTest, ValuesAreBoundByTheirForm) {
  EXPECT_EQ(value("7"), "7");
  EXPECT_EQ(value("-0"), "0");
  EXPECT_EQ(value("9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(value("-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(value("9223372036854775808"), "real 9223372036854775808.000000");
  EXPECT_EQ(value("1.0"), "real 1.000000");
  EXPECT_EQ(value("1e3"), "real 1000.000000");
  EXPECT_EQ(value("true"), "1");
  EXPECT_EQ(value("false"), "0");
  EXPECT_EQ(value("null"), "NULL");
  EXPECT_EQ(value("\"text\""), "'text'");
  EXPECT_EQ(value("\"\""), "''");
}

TEST_F(StatementsBodyTest, BlobsAreHexLiteralsOrListsOfBytes) {
  EXPECT_EQ(value(R"("x'4142'")"), "blob(AB)");
  EXPECT_EQ(value(R"("X'6a6B'")"), "blob(jk)");
  EXPECT_EQ(value(R"(" x'41'\n")"), "blob(A)");
  EXPECT_EQ(value(R"("x''")"), "blob()");
  EXPECT_EQ(value("[65,66]"), "blob(AB)");
  EXPECT_EQ(value("[]"), "blob()");
  EXPECT_EQ(value("[0,255]"), "blob(\0\xff)"s);
  for (const char* text : {"x'4'", "x'zz'", "x'41", "x41", "'41'", "ax'41'", "x'41'b", "x", "x'"}) {
    EXPECT_EQ(value("\""s + text + "\""), "'"s + text + "'");
  }
}

TEST_F(StatementsBodyTest, ObjectsAreNamedParameters) {
  EXPECT_EQ(value(R"({"a":1,"b":"x"})"), "a=1, b='x'");
  EXPECT_EQ(parse(R"([["a",{}]])"), "[a]");
  EXPECT_EQ(parse(R"([["a",1,{"n":2},3,{"m":[65]}]])"), "[a, 1, n=2, 3, m=blob(A)]");
  EXPECT_EQ(value(R"({"":7})"), "7");
  EXPECT_EQ(value(R"({"\u0061":1})"), "a=1");
}

TEST_F(StatementsBodyTest, ARepeatedNameKeepsItsLastValue) {
  EXPECT_EQ(value(R"({"a":1,"a":2})"), "a=2");
  EXPECT_EQ(value(R"({"a":"long enough not to be stored inside","b":3,"a":null})"), "a=NULL, b=3");
}

TEST_F(StatementsBodyTest, ManyNamesAreNoTrouble) {
  std::string object = "{";
  for (int i = 0; i < 200'000; i++) {
    object += (i > 0 ? ",\"n" : "\"n") + std::to_string(i) + "\":" + std::to_string(i);
  }
  const std::string text = value(object + "}");
  EXPECT_NE(text.find("n199999=199999"), std::string::npos);
}

TEST_F(StatementsBodyTest, TheFirstProblemIsReported) {
  EXPECT_EQ(parse(R"([1,["a",1E400]])"), "error: invalid request");
  EXPECT_EQ(parse(R"([["a",1E400],1])"), "error: invalid number 1E400");
  EXPECT_EQ(parse(R"([["a",[256]],["b",[null]]])"), "error: unsupported type 256");
}

TEST_F(StatementsBodyTest, WhatIsForbiddenIsFoundInAnyStatement) {
  std::string body = R"(["SELECT 1",["PRAGMA journal_mode=DELETE"],"ATTACH 'x' AS y"])";
  EXPECT_EQ(parser_.parse_json(body, {})->forbidden, "disallowed pragma");
  body = R"(["SELECT 1"])";
  EXPECT_EQ(parser_.parse_json(body, {})->forbidden, "");
  EXPECT_EQ(StatementsParser::of_text("ATTACH 'x' AS y", {}).forbidden, "disallowed attach");
}

TEST_F(StatementsBodyTest, AFailedBodyLeavesNothingBehindForTheNext) {
  EXPECT_EQ(parse(R"([["a",1,2)"), "error: invalid JSON body");
  EXPECT_EQ(parse(R"([["PRAGMA query_only=1",[256]]])"), "error: unsupported type 256");
  std::string body = R"(["b"])";
  const Result<ParsedStatements> parsed = parser_.parse_json(body, {});
  EXPECT_EQ(command::text_of_batch(parsed->encoded), "[b]");
  EXPECT_EQ(parsed->statements, 1u);
  EXPECT_EQ(parsed->forbidden, "");
}

TEST_F(StatementsBodyTest, ATextIsOneStatementByteForByte) {
  EXPECT_EQ(text_of(StatementsParser::of_text("[\"a\"]\n", {})), "[[\"a\"]\n]");
  EXPECT_EQ(text_of(StatementsParser::of_text("\xff", {.transaction = true})),
            "transaction [\xff]");
  EXPECT_EQ(text_of(StatementsParser::of_text("", {})), "[]");
}

}  // namespace
}  // namespace rqlite::http
