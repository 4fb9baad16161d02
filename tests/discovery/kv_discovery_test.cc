#include "discovery/kv_discovery.h"

#include <gtest/gtest.h>

#include <atomic>

#include "discovery/consul_stand_in.h"
#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"

namespace rqlite::discovery {
namespace {

// Two nodes and a stand-in for Consul.
class KvDiscoveryTest : public testing::Test {
 protected:
  struct Peer {
    std::unique_ptr<KvDiscovery> discovery;
    std::string joined;  // the address
    bool founded = false;
    std::atomic<bool> leads = false;
    Status outcome;
    Thread thread;
  };

  void open(Peer& peer, const std::string& id) {
    KvDiscovery::Options options;
    options.key = "db";
    options.config = R"({"address":")" + consul_.address() + "\"}";
    options.self = {id, "http://" + id + ":4001", id + ":4002", "f" + id, true};
    peer.discovery = *KvDiscovery::open(
        options,
        {[&peer](const std::string& address) {
           peer.joined = address;
           return Status();
         },
         [&peer] {
           peer.founded = true;
           return Status();
         },
         [&peer] { return peer.leads.load(); }},
        [](const std::string&) { return std::nullopt; }, files_, clock_);
  }
  void register_node(Peer& peer) {
    peer.thread = Thread("register", [&peer] { peer.outcome = peer.discovery->register_node(); });
  }
  // Lets the node that has claimed the key have its second look.
  void confirm() {
    const TimePoint deadline = clock_.now() + Registration::kConfirmTime;
    clock_.await_sleeper(deadline);
    clock_.advance(Registration::kConfirmTime);
  }

  const std::string kReport = R"({"id":"1","api_addr":"http://1:4001","addr":"1:4002"})";
  FakeClock clock_;
  SimFileSystem files_;
  ConsulStandIn consul_;
  Peer one_;
  Peer two_;
};

TEST_F(KvDiscoveryTest, OneFoundsAClusterAndTheOtherJoinsIt) {
  open(one_, "1");
  open(two_, "2");
  register_node(one_);
  confirm();
  one_.thread.join();
  EXPECT_TRUE(one_.outcome.ok());
  EXPECT_TRUE(one_.founded);

  one_.leads = true;
  one_.discovery->start_reporting();
  consul_.await("db/leader", kReport);
  EXPECT_TRUE(two_.discovery->register_node().ok());
  EXPECT_EQ(two_.joined, "1:4002");
  EXPECT_FALSE(two_.founded);
}

TEST_F(KvDiscoveryTest, NewLeadershipIsReportedAtOnce) {
  open(one_, "1");
  one_.discovery->start_reporting();
  one_.leads = true;
  one_.discovery->on_leadership_change();
  consul_.await("db/leader", kReport);
}

TEST_F(KvDiscoveryTest, AStopEndsTheWaitForTheSecondLook) {
  open(one_, "1");
  register_node(one_);
  clock_.await_sleeper(clock_.now() + Registration::kConfirmTime);
  one_.discovery->stop();
  one_.thread.join();
  EXPECT_EQ(one_.outcome.code(), Code::kUnavailable);
  EXPECT_FALSE(one_.founded);
}

TEST_F(KvDiscoveryTest, AStopEndsACallThatIsNotAnswered) {
  consul_.fall_silent();
  open(one_, "1");
  one_.leads = true;
  one_.discovery->start_reporting();
  register_node(one_);
  consul_.await_silence();
  one_.discovery->stop();
  one_.thread.join();
  EXPECT_EQ(one_.outcome.code(), Code::kUnavailable);
}

TEST_F(KvDiscoveryTest, ReportsItsFigures) {
  open(one_, "1");
  DiscoReport report = one_.discovery->report();
  EXPECT_EQ(report.mode, DiscoMode::kConsul);
  EXPECT_EQ(report.register_interval, std::chrono::seconds(3));
  EXPECT_EQ(report.report_interval, std::chrono::seconds(10));
  EXPECT_FALSE(report.last_contact.has_value());
  register_node(one_);
  confirm();
  one_.thread.join();
  report = one_.discovery->report();
  EXPECT_EQ(report.last_contact, clock_.wall_now());
  EXPECT_EQ(report.last_error, "");
}

TEST_F(KvDiscoveryTest, SettingsThatMakeNoSenseAreRefused) {
  KvDiscovery::Options options;
  options.self = {"1", "", "1:4002", "f1", true};
  const Environment none = [](const std::string&) { return std::nullopt; };
  options.config = R"({"address":"http://c:1"})";
  EXPECT_EQ(KvDiscovery::open(options, {}, none, files_, clock_).error().text(),
            "failed to start discovery service: create Consul config: "
            "address should not contain HTTP or HTTPS");
  options.mode = DiscoMode::kEtcd;
  options.config = "{";
  EXPECT_TRUE(KvDiscovery::open(options, {}, none, files_, clock_)
                  .error()
                  .text()
                  .starts_with("failed to start discovery service: create etcd config: "));
}

}  // namespace
}  // namespace rqlite::discovery
