// The system's resolver against a real name server, dnsmasq, which scripts/setup installs for
// tests.
#include "discovery/system_resolver.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "base/thread.h"
#include "discovery/daemon.h"
#include "discovery/own_network.h"
#include "discovery/system_lookup.h"

namespace rqlite::discovery {
namespace {

constexpr const char* kLocalServer = "nameserver 127.0.0.1\nsearch db.local\n";

class SystemResolverTest : public testing::Test {
 protected:
  void SetUp() override {
    dnsmasq_ = Daemon::find({"/usr/sbin/dnsmasq"});
    if (dnsmasq_.empty()) {
      GTEST_SKIP() << "dnsmasq is not installed: scripts/setup test installs it";
    }
    if (!in_own_network(kLocalServer, [] { return ""; })) {
      GTEST_SKIP() << "only root can give a test a network of its own";
    }
  }

  // What a lookup finds, or its error, with a name server that has these records.
  std::string find(DiscoMode mode, const std::string& config,
                   const std::vector<std::string>& records) {
    return in_own_network(kLocalServer, [&] { return ask(mode, config, records); }).value();
  }

  std::string ask(DiscoMode mode, const std::string& config,
                  const std::vector<std::string>& records) {
    char directory[] = "/tmp/rqlite-dnsmasq-XXXXXX";
    EXPECT_NE(::mkdtemp(directory), nullptr);
    const std::string up = directory + std::string("/pid");
    std::vector<std::string> command{dnsmasq_,
                                     "--keep-in-foreground",
                                     "--conf-file=/dev/null",
                                     "--no-resolv",
                                     "--no-hosts",
                                     "--user=root",
                                     "--local=/local/",
                                     "--listen-address=127.0.0.1",
                                     "--bind-interfaces",
                                     "--pid-file=" + up};
    command.insert(command.end(), records.begin(), records.end());
    const Daemon server(command);
    // Written when it has its sockets.
    if (!server.await([&] { return std::filesystem::exists(up); })) return "no name server";
    std::filesystem::remove_all(directory);
    const auto lookup = *SystemLookup::open(
        mode, config, 4002, [](const std::string&) { return std::nullopt; }, clock_);
    const Result<std::vector<std::string>> found = lookup->find();
    if (!found.ok()) return found.error().text();
    std::string text;
    for (const std::string& address : *found) text += (text.empty() ? "" : " ") + address;
    return text;
  }

  const SystemClock clock_;
  std::string dnsmasq_;
};

const std::vector<std::string> kThree{
    "--host-record=a.db.local,10.0.0.3,fd00::3", "--host-record=b.db.local,10.0.0.10",
    "--host-record=b.db.local,10.0.0.2", "--srv-host=_rqlite._tcp.db.local,a.db.local,4002,0,5",
    "--srv-host=_rqlite._tcp.db.local,b.db.local,5002,9,9"};

TEST_F(SystemResolverTest, FindsAllAddressesOfAName) {
  EXPECT_EQ(find(DiscoMode::kDns, R"({"name":"b.db.local"})", kThree),
            "10.0.0.10:4002 10.0.0.2:4002");
  EXPECT_EQ(find(DiscoMode::kDns, R"({"name":"a.db.local","port":7})", kThree),
            "10.0.0.3:7 [fd00::3]:7");
}

TEST_F(SystemResolverTest, FindsAllThatAServiceOffers) {
  EXPECT_EQ(find(DiscoMode::kDnsSrv, R"({"name":"db.local"})", kThree),
            "10.0.0.10:5002 10.0.0.2:5002 10.0.0.3:4002 [fd00::3]:4002");
}

TEST_F(SystemResolverTest, KeepsToTheSearchListOfResolvConf) {
  EXPECT_EQ(find(DiscoMode::kDns, R"({"name":"b"})", kThree), "10.0.0.10:4002 10.0.0.2:4002");
  const std::vector<std::string> short_service{
      "--host-record=a.db.local,10.0.0.3",
      "--srv-host=_rqlite._tcp.rqlite.db.local,a.db.local,4002"};
  EXPECT_EQ(find(DiscoMode::kDnsSrv, "", short_service), "10.0.0.3:4002");
}

TEST_F(SystemResolverTest, WhatIsNotThereIsSaidSo) {
  EXPECT_EQ(find(DiscoMode::kDns, R"({"name":"c.db.local"})", kThree),
            "lookup c.db.local: no such host");
  EXPECT_EQ(find(DiscoMode::kDnsSrv, R"({"name":"c.db.local"})", kThree),
            "lookup _rqlite._tcp.c.db.local: no such host");
  EXPECT_EQ(
      find(DiscoMode::kDnsSrv, R"({"name":"x.local"})", {"--txt-record=_rqlite._tcp.x.local,text"}),
      "lookup _rqlite._tcp.x.local: there is no SRV record");
}

TEST_F(SystemResolverTest, OneTargetThatCannotBeResolvedFailsTheService) {
  std::vector<std::string> records = kThree;
  records.push_back("--srv-host=_rqlite._tcp.db.local,gone.db.local,4002");
  EXPECT_EQ(find(DiscoMode::kDnsSrv, R"({"name":"db.local"})", records),
            "lookup gone.db.local.: no such host");
}

TEST_F(SystemResolverTest, AnswersThatTakeTcpAreReadToo) {
  std::vector<std::string> records;
  for (int i = 0; i < 100; i++) {
    const std::string name = "a-node-with-a-long-name-" + std::to_string(i) + ".db.local";
    records.push_back("--host-record=" + name + ",10.1.0." + std::to_string(i + 1));
    records.push_back("--srv-host=_rqlite._tcp.db.local," + name + ",4002");
  }
  const std::string found = find(DiscoMode::kDnsSrv, R"({"name":"db.local"})", records);
  EXPECT_EQ(std::count(found.begin(), found.end(), ' '), 99) << found;
}

TEST_F(SystemResolverTest, WithoutANameServerThereIsAnError) {
  EXPECT_EQ(in_own_network(kLocalServer,
                           [this] {
                             SystemResolver resolver(std::make_shared<Pause>(clock_));
                             return resolver.addresses_of("a.db.local").error().text() + "|" +
                                    resolver.services_of("a.db.local").error().text();
                           }),
            "lookup a.db.local: the name servers do not answer|"
            "lookup a.db.local: the name servers do not answer");
}

// A name server that hears and says nothing.
TEST_F(SystemResolverTest, AStopDoesNotWaitForAnAnswer) {
  const auto body = [this]() -> std::string {
    const int server = ::socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(53);
    if (::bind(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return "bind";
    std::string outcome;
    for (const DiscoMode mode : {DiscoMode::kDns, DiscoMode::kDnsSrv}) {
      const auto lookup = *SystemLookup::open(
          mode, "", 4002, [](const std::string&) { return std::nullopt; }, clock_);
      Thread finder("finder", [&] { outcome += lookup->find().error().text() + "|"; });
      char query[512];
      if (::recv(server, query, sizeof query, 0) <= 0) return "recv";
      lookup->stop();
      finder.join();
    }
    return outcome;
  };
  EXPECT_EQ(in_own_network("nameserver 127.0.0.1\noptions timeout:30 attempts:1\n", body),
            "lookup rqlite: stopped|lookup _rqlite._tcp.rqlite: stopped|");
}

}  // namespace
}  // namespace rqlite::discovery
