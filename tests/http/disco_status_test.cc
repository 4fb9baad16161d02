#include "http/disco_status.h"

#include <gtest/gtest.h>

namespace rqlite::http {
namespace {

using namespace std::chrono_literals;
using discovery::DiscoMode;
using discovery::DiscoReport;

DiscoReport report_of(DiscoMode mode) {
  DiscoReport report;
  report.mode = mode;
  report.name = "db.local";
  report.port = 4002;
  report.service = "raft";
  report.dns_name = "_raft._tcp.db.local";
  report.register_interval = 3s;
  report.report_interval = 10s;
  return report;
}

TEST(DiscoStatusTest, AStoreHasItsIntervals) {
  EXPECT_EQ(disco_status(report_of(DiscoMode::kConsul)).to_json(),
            R"({"mode":"consul-kv","register_interval":3000000000,"report_interval":10000000000})");
  DiscoReport report = report_of(DiscoMode::kEtcd);
  report.last_contact = WallTime(1s);
  EXPECT_EQ(disco_status(report).to_json(),
            R"({"last_contact":"1970-01-01T00:00:01.000000000Z","mode":"etcd-kv",)"
            R"("register_interval":3000000000,"report_interval":10000000000})");
}

TEST(DiscoStatusTest, NamesHaveWhatIsLookedUp) {
  EXPECT_EQ(disco_status(report_of(DiscoMode::kDns)).to_json(),
            R"({"mode":"dns","name":"db.local","port":4002})");
  EXPECT_EQ(disco_status(report_of(DiscoMode::kDnsSrv)).to_json(),
            R"({"dns_name:":"_raft._tcp.db.local","mode":"dns-srv","name":"db.local",)"
            R"("service":"raft"})");
}

TEST(DiscoStatusTest, WhatCameOfItIsThereOnceThereIsSomething) {
  DiscoReport report = report_of(DiscoMode::kDns);
  report.last_error = "lookup db.local: no such host";
  report.last_addresses = {"10.0.0.1:4002", "[fd00::1]:4002"};
  EXPECT_EQ(disco_status(report).to_json(),
            R"({"last_addresses":["10.0.0.1:4002","[fd00::1]:4002"],)"
            R"("last_error":"lookup db.local: no such host","mode":"dns","name":"db.local",)"
            R"("port":4002})");
}

}  // namespace
}  // namespace rqlite::http
