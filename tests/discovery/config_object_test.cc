#include "discovery/config_object.h"

#include <gtest/gtest.h>

namespace rqlite::discovery {
namespace {

ConfigObject parse(BytesView json) {
  Result<ConfigObject> object = ConfigObject::parse(json);
  EXPECT_TRUE(object.ok()) << object.error().text();
  return *std::move(object);
}

TEST(ConfigObjectTest, WhatIsThereIsSet) {
  const ConfigObject object = parse(
      R"({"name":"a\u0062","on":true,"count":-7,"part":0.5,"list":["x","y"],"in":{"name":"c"}})");
  std::string name;
  bool on = false;
  std::int64_t count = 0;
  double part = 0;
  std::vector<std::string> list;
  EXPECT_TRUE(object.read("name", name).ok());
  EXPECT_TRUE(object.read("on", on).ok());
  EXPECT_TRUE(object.read("count", count).ok());
  EXPECT_TRUE(object.read("part", part).ok());
  EXPECT_TRUE(object.read("list", list).ok());
  EXPECT_EQ(name, "ab");
  EXPECT_TRUE(on);
  EXPECT_EQ(count, -7);
  EXPECT_EQ(part, 0.5);
  EXPECT_EQ(list, (std::vector<std::string>{"x", "y"}));
  EXPECT_TRUE(object.object("in")->read("name", name).ok());
  EXPECT_EQ(name, "c");
}

TEST(ConfigObjectTest, WhatIsNotThereStaysAsItIs) {
  for (const char* json : {"", " \n", "null", "{}", R"({"name":null,"other":[{}]})"}) {
    std::string name = "before";
    EXPECT_TRUE(parse(json).read("name", name).ok());
    EXPECT_TRUE(parse(json).object("name")->read("name", name).ok());
    EXPECT_EQ(name, "before");
  }
}

TEST(ConfigObjectTest, NamesAreMatchedInAnyCaseAndTheLastCounts) {
  std::string name;
  EXPECT_TRUE(parse(R"({"name":"a","NAME":"b","names":"c"})").read("Name", name).ok());
  EXPECT_EQ(name, "b");
}

TEST(ConfigObjectTest, AnotherTypeIsAMistake) {
  const ConfigObject object = parse(R"({"t":"5s","n":1.5,"l":["a",1]})");
  std::int64_t number = 3;
  std::string text;
  bool on = false;
  std::vector<std::string> list;
  EXPECT_EQ(object.read("t", number).text(), "t is not a whole number");
  EXPECT_EQ(object.read("n", number).text(), "n is not a whole number");
  EXPECT_EQ(object.read("n", text).text(), "n is not a string");
  EXPECT_EQ(object.read("t", on).text(), "t is not true or false");
  EXPECT_EQ(object.read("t", list).text(), "t is not a list");
  EXPECT_EQ(object.read("l", list).text(), "l is not a list of strings");
  EXPECT_EQ(object.object("t").error().text(), "t is not an object");
  EXPECT_EQ(number, 3);
}

TEST(ConfigObjectTest, WhatIsNoObjectIsRefused) {
  EXPECT_EQ(ConfigObject::parse("[]").error().text(), "invalid JSON: not an object");
  EXPECT_TRUE(ConfigObject::parse("{\"a\"").error().text().starts_with("invalid JSON: "));
  EXPECT_FALSE(ConfigObject::parse("/etc/disco.json").ok());
  EXPECT_FALSE(ConfigObject::parse("{} {}").ok());
}

}  // namespace
}  // namespace rqlite::discovery
