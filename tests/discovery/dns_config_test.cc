#include "discovery/dns_config.h"

#include <gtest/gtest.h>

namespace rqlite::discovery {
namespace {

std::string dns_error(BytesView json) { return DnsConfig::parse(json, 4002).error().text(); }

TEST(DnsConfigTest, DefaultsAreTheNameAndOurOwnPort) {
  const Result<DnsConfig> config = DnsConfig::parse("", 4002);
  EXPECT_EQ(config->name, "rqlite");
  EXPECT_EQ(config->port, 4002);
}

TEST(DnsConfigTest, BothCanBeSet) {
  const Result<DnsConfig> config = DnsConfig::parse(R"({"name":"db.local","port":1,"x":[]})", 4002);
  EXPECT_EQ(config->name, "db.local");
  EXPECT_EQ(config->port, 1);
}

TEST(DnsConfigTest, MistakesAreNamed) {
  EXPECT_EQ(dns_error(R"({"port":0})"), "port 0 is not from 1 to 65535");
  EXPECT_EQ(dns_error(R"({"port":65536})"), "port 65536 is not from 1 to 65535");
  EXPECT_EQ(dns_error(R"({"port":"4002"})"), "port is not a whole number");
  EXPECT_EQ(dns_error(R"({"name":""})"), "name is empty");
  EXPECT_FALSE(DnsConfig::parse("{", 4002).ok());
}

TEST(SrvConfigTest, TellsTheNameToAskFor) {
  EXPECT_EQ(SrvConfig::parse("")->dns_name(), "_rqlite._tcp.rqlite");
  EXPECT_EQ(SrvConfig::parse(R"({"name":"db.local","service":"raft"})")->dns_name(),
            "_raft._tcp.db.local");
  EXPECT_EQ(SrvConfig::parse(R"({"service":""})").error().text(), "service is empty");
  EXPECT_EQ(SrvConfig::parse(R"({"name":1})").error().text(), "name is not a string");
}

}  // namespace
}  // namespace rqlite::discovery
