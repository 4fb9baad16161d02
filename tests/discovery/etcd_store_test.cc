#include "discovery/etcd_store.h"

#include <gtest/gtest.h>

#include "discovery/fake_caller.h"

namespace rqlite::discovery {
namespace {

// "/k" is "L2s=" and "value" is "dmFsdWU=" in base64.
class EtcdStoreTest : public testing::Test {
 protected:
  EtcdStore make(const std::string& json) { return {*EtcdConfig::parse(json), caller_}; }
  EtcdStore one() { return make(R"({"endpoints":["a:1"]})"); }
  EtcdStore two() { return make(R"({"endpoints":["a:1","https://b:2"]})"); }
  EtcdStore of_user() { return make(R"({"endpoints":["a:1"],"username":"u","password":"p"})"); }

  FakeCaller caller_;
};

TEST_F(EtcdStoreTest, GetsWhatIsThere) {
  EtcdStore store = one();
  caller_.answer("a:1", 200,
                 R"({"header":{},"kvs":[{"key":"L2s=","value":"dmFsdWU="}],"count":"1"})");
  EXPECT_EQ(*store.get("k"), "value");
  EXPECT_EQ(caller_.line(), R"(POST a:1/v3/kv/range {"key":"L2s="})");
  EXPECT_EQ(caller_.header("content-type"), "application/json");
  EXPECT_EQ(caller_.header("authorization"), "none");
}

TEST_F(EtcdStoreTest, GetsNothingWhereNothingIs) {
  EtcdStore store = one();
  for (const char* answer : {R"({"header":{}})", R"({"kvs":[],"count":"0"})"}) {
    caller_.answer("a:1", 200, answer);
    EXPECT_EQ(*store.get("k"), std::nullopt);
  }
  caller_.answer("a:1", 200, R"({"kvs":[{"key":"L2s="}],"count":"1"})");
  EXPECT_EQ(*store.get("k"), "");
}

TEST_F(EtcdStoreTest, CreatesIfTheVersionIsZero) {
  EtcdStore store = one();
  caller_.answer("a:1", 200, R"({"header":{},"succeeded":true,"responses":[{}]})");
  EXPECT_TRUE(*store.create_if_absent("k", "value"));
  EXPECT_EQ(caller_.line(),
            "POST a:1/v3/kv/txn "
            R"({"compare":[{"key":"L2s=","target":"VERSION","result":"EQUAL","version":"0"}],)"
            R"("success":[{"requestPut":{"key":"L2s=","value":"dmFsdWU="}}]})");
  caller_.answer("a:1", 200, R"({"header":{}})");
  EXPECT_FALSE(*store.create_if_absent("k", "value"));
}

TEST_F(EtcdStoreTest, Puts) {
  EtcdStore store = one();
  caller_.answer("a:1", 200, R"({"header":{}})");
  EXPECT_TRUE(store.put("k", "value").ok());
  EXPECT_EQ(caller_.line(), R"(POST a:1/v3/kv/put {"key":"L2s=","value":"dmFsdWU="})");
}

TEST_F(EtcdStoreTest, AnswersThatMakeNoSenseAreErrors) {
  EtcdStore store = one();
  for (const char* answer : {"", "x", "[]", R"({"kvs":[{"value":"?"}]})"}) {
    caller_.answer("a:1", 200, answer);
    EXPECT_EQ(store.get("k").status().text(), "etcd's answer makes no sense") << answer;
  }
  caller_.answer("a:1", 200, R"({"succeeded":"yes"})");
  EXPECT_FALSE(store.create_if_absent("k", "value").ok());
}

TEST_F(EtcdStoreTest, ARefusalIsShownWithItsReason) {
  EtcdStore store = two();
  caller_.answer("a:1", 403, R"({"error":"etcdserver: permission denied","code":7})");
  EXPECT_EQ(store.get("k").error().text(), "etcd at a:1: etcdserver: permission denied");
  EXPECT_EQ(caller_.calls.size(), 1u);
  caller_.answer("a:1", 400, "");
  EXPECT_EQ(store.put("k", "v").text(), "etcd at a:1: HTTP status 400");
}

TEST_F(EtcdStoreTest, TheNextServerIsTriedAndKept) {
  EtcdStore store = two();
  caller_.answer("b:2", 200, "{}");
  caller_.answer("b:2", 200, "{}");
  EXPECT_TRUE(store.get("k").ok());
  EXPECT_FALSE(caller_.calls[0].tls);
  EXPECT_TRUE(caller_.calls[1].tls);
  EXPECT_TRUE(store.get("k").ok());
  EXPECT_EQ(caller_.calls.size(), 3u);
  EXPECT_EQ(store.place("k"), "key /k of etcd at b:2");
}

TEST_F(EtcdStoreTest, AServerWithoutALeaderIsLeftForTheNext) {
  EtcdStore store = two();
  caller_.answer("a:1", 503, R"({"error":"etcdserver: no leader","code":14})");
  caller_.answer("b:2", 200, "{}");
  EXPECT_TRUE(store.get("k").ok());
}

TEST_F(EtcdStoreTest, WithoutAnyServerTheFirstErrorIsShown) {
  EtcdStore store = two();
  EXPECT_EQ(store.get("k").error().text(), "a:1: connection refused");
  EXPECT_EQ(caller_.calls.size(), 2u);
}

TEST_F(EtcdStoreTest, AUserGetsATokenFirst) {
  EtcdStore store = of_user();
  caller_.answer("a:1", 200, R"({"header":{},"token":"t1"})");
  caller_.answer("a:1", 200, "{}");
  EXPECT_TRUE(store.get("k").ok());
  EXPECT_EQ(caller_.line(0), R"(POST a:1/v3/auth/authenticate {"name":"u","password":"p"})");
  EXPECT_EQ(caller_.header("authorization"), "t1");
}

TEST_F(EtcdStoreTest, ATokenThatHasEndedIsReplaced) {
  EtcdStore store = of_user();
  caller_.answer("a:1", 200, R"({"token":"t1"})");
  caller_.answer("a:1", 401, R"({"error":"etcdserver: invalid auth token","code":16})");
  caller_.answer("a:1", 200, R"({"token":"t2"})");
  caller_.answer("a:1", 200, "{}");
  EXPECT_TRUE(store.get("k").ok());
  EXPECT_EQ(caller_.header("authorization"), "t2");
}

TEST_F(EtcdStoreTest, AUserWhoIsRefusedIsToldSo) {
  EtcdStore store = of_user();
  caller_.answer("a:1", 400, R"({"error":"etcdserver: authentication failed","code":3})");
  EXPECT_EQ(store.get("k").error().text(),
            "etcd at a:1: authentication of u: etcdserver: authentication failed");
  caller_.answer("a:1", 200, "{}");
  EXPECT_FALSE(store.get("k").ok());
}

TEST_F(EtcdStoreTest, ATokenOfTheSettingsIsUsedAsItIs) {
  EtcdStore store = make(R"({"endpoints":["a:1"],"token":"mine"})");
  caller_.answer("a:1", 401, R"({"error":"etcdserver: invalid auth token"})");
  EXPECT_EQ(store.get("k").error().text(), "etcd at a:1: etcdserver: invalid auth token");
  EXPECT_EQ(caller_.header("authorization"), "mine");
  EXPECT_EQ(caller_.calls.size(), 1u);
}

}  // namespace
}  // namespace rqlite::discovery
