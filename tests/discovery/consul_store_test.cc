#include "discovery/consul_store.h"

#include <gtest/gtest.h>

#include "discovery/fake_caller.h"

namespace rqlite::discovery {
namespace {

class ConsulStoreTest : public testing::Test {
 protected:
  ConsulStore plain() {
    ConsulConfig config;
    config.address = "c:1";
    return {config, caller_};
  }

  FakeCaller caller_;
};

TEST_F(ConsulStoreTest, GetsWhatIsThere) {
  ConsulStore store = plain();
  caller_.answer("c:1", 200, "value");
  EXPECT_EQ(*store.get("rqlite/leader"), "value");
  EXPECT_EQ(caller_.line(), "GET c:1/v1/kv/rqlite/leader?raw&consistent");
  EXPECT_FALSE(caller_.calls.back().tls);
  EXPECT_EQ(caller_.header("x-consul-token"), "none");
  EXPECT_EQ(caller_.header("authorization"), "none");
}

TEST_F(ConsulStoreTest, GetsNothingWhereNothingIs) {
  ConsulStore store = plain();
  caller_.answer("c:1", 404, "");
  EXPECT_EQ(*store.get("k"), std::nullopt);
}

TEST_F(ConsulStoreTest, CreatesAtIndexZero) {
  ConsulStore store = plain();
  caller_.answer("c:1", 200, "true\n");
  EXPECT_TRUE(*store.create_if_absent("k", "value"));
  EXPECT_EQ(caller_.line(), "PUT c:1/v1/kv/k?cas=0 value");
  caller_.answer("c:1", 200, "false");
  EXPECT_FALSE(*store.create_if_absent("k", "value"));
}

TEST_F(ConsulStoreTest, Puts) {
  ConsulStore store = plain();
  caller_.answer("c:1", 200, "true");
  EXPECT_TRUE(store.put("k", "value").ok());
  EXPECT_EQ(caller_.line(), "PUT c:1/v1/kv/k value");
  caller_.answer("c:1", 200, "false");
  EXPECT_EQ(store.put("k", "value").text(), "Consul at c:1 did not store the key");
}

TEST_F(ConsulStoreTest, SaysWhoAsksAndWhereItIsMeant) {
  ConsulConfig config;
  config.address = "c:1";
  config.path_prefix = "/consul";
  config.use_tls = true;
  config.datacenter = "d c";
  config.name_space = "n";
  config.partition = "p&";
  config.token = "t";
  config.username = "u";
  config.password = "w";
  ConsulStore store(config, caller_);
  caller_.answer("c:1", 404, "");
  EXPECT_TRUE(store.get("a b?/leader").ok());
  EXPECT_EQ(caller_.line(),
            "GET c:1/consul/v1/kv/a%20b%3F/leader?raw&consistent&dc=d%20c&ns=n&partition=p%26");
  EXPECT_TRUE(caller_.calls.back().tls);
  EXPECT_EQ(caller_.header("x-consul-token"), "t");
  EXPECT_EQ(caller_.header("authorization"), "Basic dTp3");
  caller_.answer("c:1", 200, "true");
  EXPECT_TRUE(store.put("k", "v").ok());
  EXPECT_EQ(caller_.line(), "PUT c:1/consul/v1/kv/k?dc=d%20c&ns=n&partition=p%26 v");
}

TEST_F(ConsulStoreTest, ARefusalIsShownWithItsReason) {
  ConsulStore store = plain();
  caller_.answer("c:1", 403, "Permission denied\n");
  EXPECT_EQ(store.get("k").error().text(), "Consul at c:1: HTTP status 403: Permission denied");
  caller_.answer("c:1", 500, "");
  EXPECT_EQ(store.create_if_absent("k", "v").error().text(),
            "Consul at c:1: HTTP status 500: no reason given");
  EXPECT_EQ(store.put("k", "v").text(), "c:1: connection refused");
}

TEST_F(ConsulStoreTest, SaysWhereAKeyIs) {
  EXPECT_EQ(plain().place("rqlite/leader"), "key rqlite/leader of Consul at c:1");
}

}  // namespace
}  // namespace rqlite::discovery
