// The store over a real etcd, which scripts/setup installs for tests.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/thread.h"
#include "discovery/daemon.h"
#include "discovery/store_access.h"

namespace rqlite::discovery {
namespace {

class EtcdLiveTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string etcd = Daemon::find({"/usr/bin/etcd", "/usr/sbin/etcd"});
    if (etcd.empty()) GTEST_SKIP() << "etcd is not installed: scripts/setup test installs it";
    char directory[] = "/tmp/rqlite-etcd-XXXXXX";
    ASSERT_NE(::mkdtemp(directory), nullptr);
    directory_ = directory;
    address_ = "127.0.0.1:" + std::to_string(free_port());
    const std::string client = "http://" + address_;
    const std::string peer = "http://127.0.0.1:" + std::to_string(free_port());
    server_ = std::make_unique<Daemon>(std::vector<std::string>{
        etcd, "--data-dir", directory_ + "/data", "--listen-client-urls", client,
        "--advertise-client-urls", client, "--listen-peer-urls", peer,
        "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer});
    access_ = open("");
    view_ = access_->view(pause_);
    ASSERT_TRUE(server_->await([this] { return store().get("none").ok(); }));
  }
  void TearDown() override {
    server_.reset();
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  std::unique_ptr<StoreAccess> open(const std::string& more) {
    const std::string config = R"({"endpoints":["127.0.0.1:1",")" + address_ + "\"]" + more + "}";
    return *StoreAccess::open(DiscoMode::kEtcd, config, process_environment(), posix_file_system(),
                              clock_);
  }
  KeyValueStore& store() { return view_->store(); }
  // Administers the server.
  void post(const std::string& path, const std::string& body) {
    net::Call call;
    call.address = address_;
    call.method = "POST";
    call.target = path;
    call.body = body;
    const net::CallResult result = client_.fetch(call, 1 << 20);
    ASSERT_TRUE(result.response.ok());
    ASSERT_EQ(result.response->status, 200) << path << ": " << result.response->body;
  }

  SystemClock clock_;
  std::string directory_;
  std::string address_;
  std::unique_ptr<Daemon> server_;
  const std::shared_ptr<Pause> pause_ = std::make_shared<Pause>(clock_);
  std::unique_ptr<StoreAccess> access_;
  std::unique_ptr<StoreAccess::View> view_;
  net::Client client_{{}};
};

TEST_F(EtcdLiveTest, KeepsWhatItIsGiven) {
  EXPECT_EQ(*store().get("rqlite/leader"), std::nullopt);
  EXPECT_TRUE(*store().create_if_absent("rqlite/leader", R"({"id":"1"})"));
  EXPECT_FALSE(*store().create_if_absent("rqlite/leader", "other"));
  EXPECT_EQ(*store().get("rqlite/leader"), R"({"id":"1"})");
  EXPECT_TRUE(store().put("rqlite/leader", "new").ok());
  EXPECT_EQ(*store().get("rqlite/leader"), "new");
  EXPECT_EQ(*store().get("other/leader"), std::nullopt);
}

TEST_F(EtcdLiveTest, OfManyWhoCreateAKeyOneWins) {
  std::atomic<int> winners = 0;
  {
    std::vector<Thread> threads;
    for (int i = 0; i < 8; i++) {
      threads.emplace_back("creator", [&, i] {
        const auto view = access_->view(pause_);
        const Result<bool> won = view->store().create_if_absent("race", std::to_string(i));
        if (won.ok() && *won) winners++;
      });
    }
  }
  EXPECT_EQ(winners, 1);
}

TEST_F(EtcdLiveTest, AUserIsLetIn) {
  post("/v3/auth/user/add", R"({"name":"root","password":"secret"})");
  post("/v3/auth/user/grant", R"({"user":"root","role":"root"})");
  post("/v3/auth/enable", "{}");
  EXPECT_FALSE(store().put("k", "v").ok());

  const auto access = open(R"(,"username":"root","password":"secret")");
  const auto view = access->view(pause_);
  const Status status = view->store().put("k", "v");
  EXPECT_TRUE(status.ok()) << status.text();
  EXPECT_EQ(*view->store().get("k"), "v");

  const auto wrong = open(R"(,"username":"root","password":"guess")");
  const std::string error = wrong->view(pause_)->store().put("k", "v").text();
  EXPECT_NE(error.find("authentication of root: "), std::string::npos) << error;
}

}  // namespace
}  // namespace rqlite::discovery
