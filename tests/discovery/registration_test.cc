#include "discovery/registration.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "discovery/fake_store.h"
#include "discovery/leader_reporter.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_sleeper.h"

namespace rqlite::discovery {
namespace {

using namespace std::chrono_literals;

const char kKey[] = "rqlite/leader";

// Node 1 at one:4002, and a store that others write to, too.
class RegistrationTest : public testing::Test {
 protected:
  Status run() {
    Registration registration(
        kKey, self_,
        {store_, sleeper_, figures_, [this](const std::string& address) { return join(address); },
         [this] {
           did_.push_back("found");
           found_at_ = sleeper_.elapsed();
           return found_status_;
         }},
        Random(7));
    return registration.run();
  }

  Status join(const std::string& address) {
    did_.push_back("join " + address);
    if (failing_joins_-- > 0) return {Code::kUnavailable, "no leader"};
    return {};
  }

  // What the key holds from some time on.
  void set(const LeaderEntry& entry) { store_.values[kKey] = entry.to_json(); }
  void set_at(Nanos time, const LeaderEntry& entry) {
    sleeper_.at(time, [this, entry] { set(entry); });
  }
  [[nodiscard]] LeaderEntry own_claim() const {
    return {self_.id, self_.api_url, self_.raft_address, self_.founder};
  }
  [[nodiscard]] std::string key() const {
    const auto found = store_.values.find(kKey);
    return found == store_.values.end() ? "" : found->second;
  }

  using Did = std::vector<std::string>;

  FakeClock clock_;
  FakeSleeper sleeper_{clock_};
  FakeStore store_;
  DiscoFigures figures_{{}, clock_};
  Registration::Self self_{"1", "http://one:4001", "one:4002", "f1", true};
  int failing_joins_ = 0;
  Status found_status_;

  Did did_;
  Nanos found_at_{-1};
};

const LeaderEntry kOther{"2", "http://two:4001", "two:4002", ""};
const LeaderEntry kOtherClaim{"2", "http://two:4001", "two:4002", "f2"};

TEST_F(RegistrationTest, TheFirstNodeFoundsAClusterAfterASecondLook) {
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did{"found"});
  EXPECT_EQ(found_at_, Registration::kConfirmTime);
  EXPECT_EQ(key(), own_claim().to_json());
}

TEST_F(RegistrationTest, ANodeJoinsWhoeverLeads) {
  set(kOther);
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did{"join two:4002"});
  EXPECT_EQ(key(), kOther.to_json());
  EXPECT_EQ(sleeper_.elapsed(), 0s);
}

TEST_F(RegistrationTest, AJoinIsTriedAgainUntilItSucceeds) {
  set(kOtherClaim);
  failing_joins_ = 3;
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did(4, "join two:4002"));
  EXPECT_EQ(sleeper_.elapsed(), 3 * Registration::kRejoinTime);
}

TEST_F(RegistrationTest, AJoinGoesToWhoeverTheKeyNamesByThen) {
  set(kOther);
  failing_joins_ = 1;
  set_at(500ms, {"3", "", "three:4002", ""});
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, (Did{"join two:4002", "join three:4002"}));
}

TEST_F(RegistrationTest, AKeyThatIsDeletedWhileANodeTriesToJoinIsClaimed) {
  set(kOther);
  failing_joins_ = 1;
  sleeper_.at(500ms, [this] { store_.values.clear(); });
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, (Did{"join two:4002", "found"}));
}

TEST_F(RegistrationTest, ANonVoterOnlyWaits) {
  self_.is_voter = false;
  set_at(1min, kOther);
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did{"join two:4002"});
  EXPECT_GE(sleeper_.elapsed(), 1min);
  EXPECT_LE(sleeper_.elapsed(), 1min + Registration::kLookTimeMax);
}

TEST_F(RegistrationTest, LooksEveryThreeToSixSeconds) {
  self_.is_voter = false;
  sleeper_.stop_at(60s);
  EXPECT_EQ(run().code(), Code::kUnavailable);
  EXPECT_GE(store_.gets, 60 / 6);
  EXPECT_LE(store_.gets, 60 / 3 + 1);
}

TEST_F(RegistrationTest, AStoreThatCannotBeReachedIsAskedAgain) {
  store_.failure = {Code::kUnavailable, "connection refused"};
  sleeper_.at(10min, [this] { store_.failure = {}; });
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did{"found"});
  EXPECT_EQ(figures_.report().last_error, "");
}

TEST_F(RegistrationTest, FiguresSayWhatIsWrong) {
  store_.failure = {Code::kUnavailable, "connection refused"};
  sleeper_.stop_at(10s);
  EXPECT_EQ(run().code(), Code::kUnavailable);
  EXPECT_EQ(figures_.report().last_error, "connection refused");
  EXPECT_FALSE(figures_.report().last_contact.has_value());
}

TEST_F(RegistrationTest, AValueThatMakesNoSenseIsNotOverwritten) {
  store_.values[kKey] = "what?";
  set_at(1min, kOther);
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did{"join two:4002"});
}

TEST_F(RegistrationTest, AStopEndsIt) {
  set(kOther);
  failing_joins_ = 1000;
  sleeper_.stop_at(10s);
  EXPECT_EQ(run(), Status(Code::kUnavailable, "discovery canceled"));
}

TEST_F(RegistrationTest, AStopBeforeTheSecondLookFoundsNothing) {
  sleeper_.stop_at(1s);
  EXPECT_EQ(run().code(), Code::kUnavailable);
  EXPECT_EQ(did_, Did{});
}

TEST_F(RegistrationTest, AClusterThatCannotBeFoundedIsFatal) {
  found_status_ = {Code::kFailed, "disk"};
  EXPECT_EQ(run(), found_status_);
}

// Two that find no key.

TEST_F(RegistrationTest, WhoLosesTheRaceJoinsTheWinner) {
  // Both look, and the other one is first to create.
  struct Racing final : KeyValueStore {
    explicit Racing(FakeStore& to) : store(to) {}
    Result<std::optional<Bytes>> get(const std::string& key) override { return store.get(key); }
    Result<bool> create_if_absent(const std::string& key, const Bytes& value) override {
      store.values.emplace(key, kOtherClaim.to_json());
      return store.create_if_absent(key, value);
    }
    Status put(const std::string& key, const Bytes& value) override {
      return store.put(key, value);
    }
    [[nodiscard]] std::string place(const std::string& key) const override { return key; }
    FakeStore& store;
  } racing(store_);
  Registration registration(
      kKey, self_,
      {racing, sleeper_, figures_, [this](const std::string& address) { return join(address); },
       [this] {
         did_.push_back("found");
         return Status();
       }},
      Random(7));
  EXPECT_TRUE(registration.run().ok());
  EXPECT_EQ(did_, Did{"join two:4002"});
}

// The key is deleted under a live cluster.

TEST_F(RegistrationTest, ALeaderThatSaysSoInTimeKeepsASecondClusterFromBeingFounded) {
  set_at(LeaderReporter::kLookInterval, kOther);
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did{"join two:4002"});
}

TEST_F(RegistrationTest, WhoLosesItsClaimFoundsNothing) {
  sleeper_.at(1s, [this] { store_.values.clear(); });
  set_at(5s, kOther);
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did{"join two:4002"});
}

TEST_F(RegistrationTest, WithoutTheSecondLookNothingIsFounded) {
  sleeper_.at(1s, [this] { store_.failure = {Code::kUnavailable, "connection refused"}; });
  sleeper_.at(20s, [this] {
    store_.failure = {};
    set(kOther);
  });
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did{"join two:4002"});
}

// A node meets itself.

TEST_F(RegistrationTest, WhoDiedAfterItsClaimGoesOnFromThere) {
  set(own_claim());
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did{"found"});
  EXPECT_EQ(found_at_, Registration::kConfirmTime);
}

TEST_F(RegistrationTest, AClaimWhoseAnswerWasLostIsHonoured) {
  store_.loses_answers = true;
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did{"found"});
}

TEST_F(RegistrationTest, AWinOfALaterTryIsHonoured) {
  set(kOther);
  failing_joins_ = 2;
  sleeper_.at(1500ms, [this] { store_.values.clear(); });
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, (Did{"join two:4002", "join two:4002", "found"}));
}

TEST_F(RegistrationTest, AClaimOfADirectoryThatIsGoneIsTakenOver) {
  LeaderEntry earlier = own_claim();
  earlier.founder = "gone";
  earlier.addr = "elsewhere:4002";
  set(earlier);
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did{"found"});
  EXPECT_EQ(key(), own_claim().to_json());
}

TEST_F(RegistrationTest, OfTwoWithOneIdOnlyTheLastToClaimFoundsACluster) {
  LeaderEntry twin = own_claim();
  twin.founder = "twin";
  twin.addr = "twin:4002";
  set_at(1s, twin);
  // It has founded its cluster, and leads it, before this node claims again.
  LeaderEntry leads = twin;
  leads.founder.clear();
  set_at(5900ms, leads);
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did{"join twin:4002"});
}

TEST_F(RegistrationTest, ALeaderThatLostItsDataFoundsNoSecondCluster) {
  LeaderEntry report = own_claim();
  report.founder.clear();
  set(report);
  set_at(1min, kOther);
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did{"join two:4002"});
}

TEST_F(RegistrationTest, AnotherNodeThatLedAtThisAddressIsNotJoinedEither) {
  set({"2", "http://one:4001", "one:4002", ""});
  set_at(1min, kOther);
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(did_, Did{"join two:4002"});
}

}  // namespace
}  // namespace rqlite::discovery
