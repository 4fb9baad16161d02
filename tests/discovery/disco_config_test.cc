#include "discovery/disco_config.h"

#include <gtest/gtest.h>

#include "fakes/sim_file_system.h"

namespace rqlite::discovery {
namespace {

class DiscoConfigTest : public testing::Test {
 protected:
  Result<Bytes> read(const std::string& value) {
    return read_disco_config(value, files_, environment_);
  }
  std::string missing(const std::string& value) {
    return no_such_file(value, files_, environment_);
  }

  const Environment environment_ = [](const std::string& name) {
    if (name == "JSON") return std::optional<std::string>("{}");
    return name == "PORT" ? std::optional<std::string>("4002") : std::nullopt;
  };
  SimFileSystem files_;
};

TEST_F(DiscoConfigTest, AFileOfThatNameIsRead) {
  ASSERT_TRUE(files_.make_directories("/etc").ok());
  ASSERT_TRUE(files_.replace_file("/etc/disco.json", R"({"port": $PORT})").ok());
  EXPECT_EQ(*read("/etc/disco.json"), R"({"port": 4002})");
}

TEST_F(DiscoConfigTest, AnythingElseIsTheTextItself) {
  EXPECT_EQ(*read(R"({"port": ${PORT}})"), R"({"port": 4002})");
  EXPECT_EQ(*read("/etc/none.json"), "/etc/none.json");
  EXPECT_EQ(*read(""), "");
  const std::string longer_than_a_path(5000, ' ');
  EXPECT_EQ(*read(longer_than_a_path), longer_than_a_path);
}

TEST_F(DiscoConfigTest, ADirectoryIsAMistake) {
  ASSERT_TRUE(files_.make_directories("/etc").ok());
  EXPECT_EQ(read("/etc").error().text(), "/etc is a directory");
}

TEST_F(DiscoConfigTest, AFileThatCannotBeReadIsSaidSo) {
  ASSERT_TRUE(files_.make_directories("/etc").ok());
  ASSERT_TRUE(files_.replace_file("/etc/huge", Bytes((1 << 20) + 1, ' ')).ok());
  EXPECT_EQ(read("/etc/huge").error().text(), "/etc/huge is too large for a configuration");
}

TEST_F(DiscoConfigTest, WhatLooksLikeAPathIsSaidToBeNoFile) {
  ASSERT_TRUE(files_.make_directories("/etc").ok());
  ASSERT_TRUE(files_.replace_file("/etc/disco.json", "nonsense").ok());
  EXPECT_EQ(missing("/etc/none.json"), "there is no file /etc/none.json either");
  EXPECT_EQ(missing("disco.json"), "there is no file disco.json either");
  // The file is there, or nobody can have meant one.
  for (const char* value : {"/etc/disco.json", "{", " {\"port\":}", "$JSON", "", "  "}) {
    EXPECT_EQ(missing(value), "") << value;
  }
}

}  // namespace
}  // namespace rqlite::discovery
