#include "discovery/store_access.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/thread.h"
#include "discovery/consul_stand_in.h"
#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"
#include "net/certificates.h"

namespace rqlite::discovery {
namespace {

// Consul's settings against a stand-in for it.
class StoreAccessTest : public testing::Test {
 protected:
  StoreAccessTest() {
    put("/ca", authority_.pem());
    put("/cas/one.pem", authority_.pem());
    put("/cas/README", "no certificate");
    put("/other/ca", stranger_.pem());
    save("/server", authority_.issue_for("IP:127.0.0.1"));
    save("/client", authority_.issue({"rqlite"}));
  }

  void put(const std::string& path, const std::string& text) {
    ASSERT_TRUE(files_.make_directories(parent_directory(path)).ok());
    ASSERT_TRUE(files_.replace_file(path, text).ok());
  }
  void save(const std::string& path, const net::PemPair& pair) {
    put(path + ".crt", pair.certificate);
    put(path + ".key", pair.key);
  }

  void serve_tls(bool verify_client) {
    net::TlsContext::Options options;
    options.certificate_file = "/server.crt";
    options.key_file = "/server.key";
    options.ca_file = "/ca";
    options.verify_client = verify_client;
    tls_ = *net::TlsContext::open(options, files_, clock_);
    consul_ = std::make_unique<ConsulStandIn>("", tls_.get());
  }

  Result<std::unique_ptr<StoreAccess>> open(const std::string& more) {
    const std::string config =
        R"({"address":")" + (consul_ ? consul_->address() : "c:1") + "\"" + more + "}";
    return StoreAccess::open(DiscoMode::kConsul, config, none_, files_, clock_);
  }
  // What comes of a write: "ok" or the error.
  std::string write(const std::string& more) {
    const Result<std::unique_ptr<StoreAccess>> access = open(more);
    if (!access.ok()) return access.error().text();
    const auto view = (*access)->view(pause_);
    const Status status = view->store().put("k", "v");
    if (!status.ok()) return status.text();
    return *view->store().get("k") == "v" ? "ok" : "lost";
  }
  std::string write_tls(const std::string& settings) {
    return write(R"(,"scheme":"https","tls_config":{)" + settings + "}");
  }
  static std::string base64(const std::string& text) {
    Bytes encoded;
    append_base64(encoded, text);
    return encoded;
  }

  const Environment none_ = [](const std::string&) { return std::nullopt; };
  FakeClock clock_;
  SimFileSystem files_;
  net::Authority authority_{"a"};
  net::Authority stranger_{"b"};
  const std::shared_ptr<Pause> pause_ = std::make_shared<Pause>(clock_);
  std::unique_ptr<net::TlsContext> tls_;
  std::unique_ptr<ConsulStandIn> consul_;
};

TEST_F(StoreAccessTest, SpeaksHttp) {
  consul_ = std::make_unique<ConsulStandIn>();
  EXPECT_EQ(write(""), "ok");
  const auto access = *open("");
  const auto view = access->view(pause_);
  EXPECT_TRUE(*view->store().create_if_absent("new", "1"));
  EXPECT_FALSE(*view->store().create_if_absent("new", "2"));
  EXPECT_EQ(*view->store().get("new"), "1");
  EXPECT_EQ(*view->store().get("none"), std::nullopt);
}

TEST_F(StoreAccessTest, ShowsItsToken) {
  consul_ = std::make_unique<ConsulStandIn>("secret");
  EXPECT_EQ(write(R"(,"token":"secret")"), "ok");
  EXPECT_EQ(write(""), "Consul at " + consul_->address() + ": HTTP status 403: Permission denied");
}

TEST_F(StoreAccessTest, TrustsWhomTheSettingsName) {
  serve_tls(false);
  EXPECT_EQ(write_tls(R"("ca_file":"/ca")"), "ok");
  EXPECT_EQ(write_tls(R"("ca_path":"/cas")"), "ok");
  EXPECT_EQ(write_tls(R"("ca_pem":")" + base64(authority_.pem()) + "\""), "ok");
  EXPECT_EQ(write_tls(R"("insecure_skip_verify":true)"), "ok");
}

TEST_F(StoreAccessTest, TrustsNobodyElse) {
  serve_tls(false);
  for (const char* settings : {"", R"("ca_file":"/other/ca")", R"("ca_path":"/other")",
                               R"("ca_file":"/ca","address":"consul.local")"}) {
    EXPECT_NE(write_tls(settings).find("failed to verify certificate"), std::string::npos)
        << settings << ": " << write_tls(settings);
  }
}

TEST_F(StoreAccessTest, ShowsItsCertificate) {
  serve_tls(true);
  const std::string trust = R"("ca_file":"/ca")";
  EXPECT_NE(write_tls(trust), "ok");
  EXPECT_EQ(write_tls(trust + R"(,"cert_file":"/client.crt","key_file":"/client.key")"), "ok");
  EXPECT_EQ(write_tls(trust + R"(,"cert_pem":")" + base64(*files_.read_file("/client.crt")) +
                      R"(","key_pem":")" + base64(*files_.read_file("/client.key")) + "\""),
            "ok");
}

TEST_F(StoreAccessTest, FilesThatAreNoCertificatesAreRefused) {
  put("/empty/README", "no certificate");
  EXPECT_EQ(write_tls(R"("ca_path":"/empty")"),
            "create Consul config: ca_path: there is no certificate in /empty");
  EXPECT_TRUE(write_tls(R"("ca_file":"/none")").starts_with("create Consul config: "));
  EXPECT_TRUE(write_tls(R"("ca_pem":"Zm9v")").starts_with("create Consul config: "));
  // Without TLS nobody needs them.
  consul_ = std::make_unique<ConsulStandIn>();
  EXPECT_EQ(write(R"(,"tls_config":{"ca_path":"/empty"})"), "ok");
}

TEST_F(StoreAccessTest, MistakesAreNamedWithTheStore) {
  EXPECT_EQ(open(R"(,"scheme":1)").error().text(), "create Consul config: scheme is not a string");
  EXPECT_EQ(StoreAccess::open(DiscoMode::kEtcd, R"({"endpoints":[]})", none_, files_, clock_)
                .error()
                .text(),
            "create etcd config: endpoints is empty");
}

TEST_F(StoreAccessTest, AnEtcdThatIsNotThereIsSaidSo) {
  const auto access = *StoreAccess::open(
      DiscoMode::kEtcd, R"({"endpoints":["127.0.0.1:1"],"permit-without-stream":true})", none_,
      files_, clock_);
  const auto view = access->view(pause_);
  const std::string error = view->store().get("k").error().text();
  EXPECT_TRUE(error.starts_with("127.0.0.1:1: ")) << error;
  EXPECT_TRUE(error.ends_with("connection refused")) << error;
}

TEST_F(StoreAccessTest, AStopEndsACallThatIsNotAnswered) {
  consul_ = std::make_unique<ConsulStandIn>();
  consul_->fall_silent();
  const auto access = *open("");
  const auto view = access->view(pause_);
  Status status;
  Thread caller("caller", [&] { status = view->store().put("k", "v"); });
  consul_->await_silence();
  pause_->stop();
  caller.join();
  EXPECT_EQ(status.code(), Code::kUnavailable);
}

}  // namespace
}  // namespace rqlite::discovery
