#include "discovery/dns_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "discovery/fake_resolver.h"
#include "fakes/fake_clock.h"

namespace rqlite::discovery {
namespace {

using testing::ElementsAre;

class DnsLookupTest : public testing::Test {
 protected:
  std::string error() { return lookup_.find().error().text(); }

  FakeClock clock_;
  FakeResolver resolver_;
  std::optional<std::string> hosts_;
  DnsLookup lookup_{{"db.local", 4002},
                    resolver_,
                    [this](const std::string& name) {
                      return name == "RQLITE_DISCO_DNS_HOSTS" ? hosts_ : std::nullopt;
                    },
                    clock_};
};

TEST_F(DnsLookupTest, EveryAddressIsANodeInOrderAndOnce) {
  resolver_.addresses["db.local"] = {"10.0.0.9", "fd00::1", "10.0.0.10", "10.0.0.9"};
  EXPECT_THAT(*lookup_.find(), ElementsAre("10.0.0.10:4002", "10.0.0.9:4002", "[fd00::1]:4002"));
}

TEST_F(DnsLookupTest, ANameThatIsNotThereIsAnError) {
  EXPECT_EQ(error(), "lookup db.local: no such host");
}

TEST_F(DnsLookupTest, AVariableTakesThePlaceOfNames) {
  resolver_.addresses["db.local"] = {"10.0.0.9"};
  hosts_ = "b:1,a:2,[::1]:3";
  EXPECT_THAT(*lookup_.find(), ElementsAre("b:1", "a:2", "[::1]:3"));
}

TEST_F(DnsLookupTest, AVariableThatMakesNoSenseIsAnError) {
  for (const auto& [value, wrong] : {std::pair("", ""),
                                     {"a", "a"},
                                     {"a:1,", ""},
                                     {"a:1,b", "b"},
                                     {"a:x", "a:x"},
                                     {"a:1, b", " b"}}) {
    hosts_ = value;
    EXPECT_EQ(error(), std::string("RQLITE_DISCO_DNS_HOSTS: invalid address ") + wrong);
  }
}

TEST_F(DnsLookupTest, ReportsWhatCameOfIt) {
  EXPECT_EQ(lookup_.report().mode, DiscoMode::kDns);
  EXPECT_EQ(lookup_.report().name, "db.local");
  EXPECT_EQ(lookup_.report().port, 4002);
  EXPECT_FALSE(lookup_.report().last_contact.has_value());

  EXPECT_FALSE(lookup_.find().ok());
  EXPECT_EQ(lookup_.report().last_error, "lookup db.local: no such host");
  EXPECT_FALSE(lookup_.report().last_contact.has_value());

  resolver_.addresses["db.local"] = {"10.0.0.9"};
  EXPECT_TRUE(lookup_.find().ok());
  EXPECT_EQ(lookup_.report().last_error, "");
  EXPECT_EQ(lookup_.report().last_contact, clock_.wall_now());
  EXPECT_THAT(lookup_.report().last_addresses, ElementsAre("10.0.0.9:4002"));
}

}  // namespace
}  // namespace rqlite::discovery
