#include "discovery/srv_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "discovery/fake_resolver.h"
#include "fakes/fake_clock.h"

namespace rqlite::discovery {
namespace {

using testing::ElementsAre;

class SrvLookupTest : public testing::Test {
 protected:
  void SetUp() override {
    resolver_.services["_raft._tcp.db.local"] = {{"b.db.local", 7}, {"a.db.local", 4002}};
    resolver_.addresses["a.db.local."] = {"10.0.0.2", "fd00::2"};
    resolver_.addresses["b.db.local."] = {"10.0.0.1"};
  }

  FakeClock clock_;
  FakeResolver resolver_;
  SrvLookup lookup_{{"db.local", "raft"}, resolver_, clock_};
};

TEST_F(SrvLookupTest, EveryAddressOfEveryTargetIsANode) {
  EXPECT_THAT(*lookup_.find(), ElementsAre("10.0.0.1:7", "10.0.0.2:4002", "[fd00::2]:4002"));
}

TEST_F(SrvLookupTest, OneTargetThatIsNotThereFailsAll) {
  resolver_.addresses.erase("b.db.local.");
  EXPECT_EQ(lookup_.find().error().text(), "lookup b.db.local.: no such host");
}

TEST_F(SrvLookupTest, AServiceThatIsNotThereIsAnError) {
  resolver_.services.clear();
  EXPECT_EQ(lookup_.find().error().text(), "lookup _raft._tcp.db.local: no such host");
}

TEST_F(SrvLookupTest, AServiceThatIsDecidedlyNowhereIsAnError) {
  resolver_.services["_raft._tcp.db.local"] = {{"", 0}};
  EXPECT_EQ(lookup_.find().error().text(),
            "lookup _raft._tcp.db.local: its record says that there is no host");
}

TEST_F(SrvLookupTest, ReportsWhatCameOfIt) {
  EXPECT_TRUE(lookup_.find().ok());
  const DiscoReport report = lookup_.report();
  EXPECT_EQ(report.mode, DiscoMode::kDnsSrv);
  EXPECT_EQ(report.name, "db.local");
  EXPECT_EQ(report.service, "raft");
  EXPECT_EQ(report.dns_name, "_raft._tcp.db.local");
  EXPECT_EQ(report.last_contact, clock_.wall_now());
  EXPECT_EQ(report.last_addresses.size(), 3u);
}

}  // namespace
}  // namespace rqlite::discovery
