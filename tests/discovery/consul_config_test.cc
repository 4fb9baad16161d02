#include "discovery/consul_config.h"

#include <gtest/gtest.h>

#include <map>

#include "fakes/sim_file_system.h"

namespace rqlite::discovery {
namespace {

class ConsulConfigTest : public testing::Test {
 protected:
  Result<ConsulConfig> parse(BytesView json) {
    return ConsulConfig::parse(
        json,
        [this](const std::string& name) -> std::optional<std::string> {
          const auto found = variables_.find(name);
          if (found == variables_.end()) return std::nullopt;
          return found->second;
        },
        files_);
  }
  ConsulConfig good(BytesView json) {
    Result<ConsulConfig> config = parse(json);
    EXPECT_TRUE(config.ok()) << config.error().text();
    return *std::move(config);
  }
  std::string error(BytesView json) { return parse(json).error().text(); }

  std::map<std::string, std::string> variables_;
  SimFileSystem files_;
};

TEST_F(ConsulConfigTest, DefaultsAreTheLocalAgent) {
  const ConsulConfig config = good("");
  EXPECT_EQ(config.address, "127.0.0.1:8500");
  EXPECT_FALSE(config.use_tls);
  EXPECT_EQ(config.token, "");
  EXPECT_EQ(config.username, "");
  EXPECT_TRUE(config.tls.verify_server);
}

TEST_F(ConsulConfigTest, AllCanBeSet) {
  const ConsulConfig config = good(
      R"({"address":"c:1","scheme":"https","datacenter":"d","namespace":"n","partition":"p",
          "token":"t","basic_auth":{"username":"u","password":"w"},
          "tls_config":{"address":"s:8501","ca_pem":"Zm9v\nYmFy","cert_file":"/c","key_file":"/k",
                        "insecure_skip_verify":true}})");
  EXPECT_EQ(config.address, "c:1");
  EXPECT_TRUE(config.use_tls);
  EXPECT_EQ(config.datacenter, "d");
  EXPECT_EQ(config.name_space, "n");
  EXPECT_EQ(config.partition, "p");
  EXPECT_EQ(config.token, "t");
  EXPECT_EQ(config.username, "u");
  EXPECT_EQ(config.password, "w");
  EXPECT_EQ(config.tls.server_name, "s");
  EXPECT_EQ(config.tls.ca_pem, "foobar");
  EXPECT_EQ(config.tls.cert_file, "/c");
  EXPECT_EQ(config.tls.key_file, "/k");
  EXPECT_FALSE(config.tls.verify_server);
}

TEST_F(ConsulConfigTest, ConsulsVariablesFillWhatIsLeftOut) {
  variables_ = {{"CONSUL_HTTP_ADDR", "https://env:8501/consul/"},
                {"CONSUL_HTTP_TOKEN", "secret"},
                {"CONSUL_HTTP_AUTH", "u:p:w"},
                {"CONSUL_NAMESPACE", "n"},
                {"CONSUL_PARTITION", "p"},
                {"CONSUL_CACERT", "/ca"},
                {"CONSUL_CAPATH", "/never"},
                {"CONSUL_CLIENT_CERT", "/c"},
                {"CONSUL_CLIENT_KEY", "/k"},
                {"CONSUL_TLS_SERVER_NAME", "s"},
                {"CONSUL_HTTP_SSL_VERIFY", "false"}};
  const ConsulConfig config = good("");
  EXPECT_EQ(config.address, "env:8501");
  EXPECT_EQ(config.path_prefix, "/consul");
  EXPECT_TRUE(config.use_tls);
  EXPECT_EQ(config.token, "secret");
  EXPECT_EQ(config.username, "u");
  EXPECT_EQ(config.password, "p:w");
  EXPECT_EQ(config.name_space, "n");
  EXPECT_EQ(config.partition, "p");
  EXPECT_EQ(config.tls.ca_file, "/ca");
  EXPECT_EQ(config.tls.ca_path, "");
  EXPECT_EQ(config.tls.cert_file, "/c");
  EXPECT_EQ(config.tls.key_file, "/k");
  EXPECT_EQ(config.tls.server_name, "s");
  EXPECT_FALSE(config.tls.verify_server);
}

TEST_F(ConsulConfigTest, WhatIsSetCountsMoreThanAVariable) {
  variables_ = {{"CONSUL_HTTP_ADDR", "env:1"},
                {"CONSUL_HTTP_TOKEN", "env"},
                {"CONSUL_HTTP_SSL", "1"},
                {"CONSUL_HTTP_TOKEN_FILE", "/none"},
                {"CONSUL_HTTP_AUTH", "env:x"}};
  const ConsulConfig config =
      good(R"({"address":"c:1","scheme":"http","token":"t","basic_auth":{"username":"u"}})");
  EXPECT_EQ(config.address, "c:1");
  EXPECT_FALSE(config.use_tls);
  EXPECT_EQ(config.token, "t");
  EXPECT_EQ(config.username, "u");
  EXPECT_EQ(config.password, "");
  EXPECT_TRUE(good(R"({"token":"t"})").use_tls);
}

TEST_F(ConsulConfigTest, ATokenCanComeFromAFile) {
  ASSERT_TRUE(files_.replace_file("/token", " from-file\n").ok());
  EXPECT_EQ(good(R"({"token_file":"/token"})").token, "from-file");
  variables_ = {{"CONSUL_HTTP_TOKEN_FILE", "/token"}, {"CONSUL_HTTP_TOKEN", "env"}};
  EXPECT_EQ(good("").token, "from-file");
  EXPECT_TRUE(error(R"({"token_file":"/none"})").starts_with("token_file: "));
}

TEST_F(ConsulConfigTest, MistakesAreNamed) {
  for (const char* json : {R"({"address":"http://c:1"})", R"({"address":"HTTPS://c:1"})"}) {
    EXPECT_EQ(error(json), "address should not contain HTTP or HTTPS");
  }
  EXPECT_FALSE(parse(R"({"address":"c"})").ok());
  EXPECT_EQ(error(R"({"address":"unix:///run/consul.sock"})"),
            "addresses that begin with unix:// are not supported");
  EXPECT_EQ(error(R"({"scheme":"ftp"})"), "scheme is neither http nor https");
  EXPECT_EQ(error(R"({"basic_auth":"u:p"})"), "basic_auth is not an object");
  EXPECT_EQ(error(R"({"token":"a\nb"})"), "the token cannot be part of a request");
  EXPECT_EQ(error(R"({"tls_config":{"ca_pem":"-----BEGIN"}})"), "tls_config: ca_pem is not base64");
  EXPECT_EQ(error(R"({"tls_config":{"cert_file":"/c"}})"),
            "tls_config: either both cert_file and key_file must be set, or neither");
  EXPECT_EQ(error(R"({"tls_config":{"key_pem":"Zm9v"}})"),
            "tls_config: either both cert_pem and key_pem must be set, or neither");
  variables_["CONSUL_HTTP_SSL"] = "yes";
  EXPECT_EQ(error(""), "CONSUL_HTTP_SSL is neither true nor false");
}

}  // namespace
}  // namespace rqlite::discovery
