#include "discovery/etcd_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rqlite::discovery {
namespace {

using testing::ElementsAre;

EtcdConfig parse(BytesView json) {
  Result<EtcdConfig> config = EtcdConfig::parse(json);
  EXPECT_TRUE(config.ok()) << config.error().text();
  return *std::move(config);
}

std::string error(BytesView json) { return EtcdConfig::parse(json).error().text(); }

TEST(EtcdConfigTest, DefaultsAreALocalServer) {
  const EtcdConfig config = parse("");
  EXPECT_THAT(config.endpoints, ElementsAre(EtcdConfig::Endpoint{false, "localhost:2379"}));
  EXPECT_EQ(config.dial_timeout, std::chrono::seconds(5));
  EXPECT_THAT(config.without_effect, ElementsAre());
}

TEST(EtcdConfigTest, EndpointsMayHaveASchemeAndASlash) {
  EXPECT_THAT(parse(R"({"endpoints":["a:1","http://b:2/","https://[::1]:3"]})").endpoints,
              ElementsAre(EtcdConfig::Endpoint{false, "a:1"}, EtcdConfig::Endpoint{false, "b:2"},
                          EtcdConfig::Endpoint{true, "[::1]:3"}));
}

TEST(EtcdConfigTest, WhoAsksCanBeSaid) {
  const EtcdConfig config =
      parse(R"({"username":"u","password":"p","token":"t","dial-timeout":1500000000})");
  EXPECT_EQ(config.username, "u");
  EXPECT_EQ(config.password, "p");
  EXPECT_EQ(config.token, "t");
  EXPECT_EQ(config.dial_timeout, std::chrono::milliseconds(1500));
}

TEST(EtcdConfigTest, OptionsThatAreAboutGrpcAreNamed) {
  EXPECT_THAT(parse(R"({"auto-sync-interval":5,"max-unary-retries":0,"permit-without-stream":true,
                        "reject-old-cluster":false,"backoff-jitter-fraction":0.1,
                        "MaxCallSendMsgSize":9})")
                  .without_effect,
              ElementsAre("auto-sync-interval", "MaxCallSendMsgSize", "permit-without-stream",
                          "backoff-jitter-fraction"));
}

TEST(EtcdConfigTest, MistakesAreNamed) {
  EXPECT_EQ(error(R"({"endpoints":[]})"), "endpoints is empty");
  EXPECT_EQ(error(R"({"endpoints":"a:1"})"), "endpoints is not a list");
  EXPECT_TRUE(error(R"({"endpoints":["a"]})").starts_with("endpoint a: "));
  EXPECT_EQ(error(R"({"dial-timeout":"5s"})"), "dial-timeout is not a whole number");
  EXPECT_EQ(error(R"({"dial-timeout":-1})"), "dial-timeout is negative");
  EXPECT_EQ(error(R"({"username":"u"})"), "username without password");
  EXPECT_EQ(error(R"({"password":"p"})"), "password without username");
  EXPECT_EQ(error(R"({"token":"a\r\nb"})"), "token is no token");
  EXPECT_EQ(error(R"({"dial-keep-alive-time":"1s"})"),
            "dial-keep-alive-time is not a whole number");
}

}  // namespace
}  // namespace rqlite::discovery
