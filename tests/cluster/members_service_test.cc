#include "cluster/members_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "cluster/peer_stand_in.h"
#include "fakes/fake_clock.h"
#include "raft/members.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::StrEq;
using Outcome = MembersService::Joined::Outcome;

constexpr raft::RaftId kNobody(0);
constexpr raft::RaftId kSelf(1);
constexpr raft::RaftId kSecond(2);
constexpr raft::RaftId kThird(3);
constexpr raft::RaftId kNew(9);
constexpr Nanos kLook = 100ms;
constexpr Nanos kRetry = 20ms;
constexpr Nanos kPoll = 2ms;
constexpr const char* kNowhere = "127.0.0.1:1";

// Members who agree to every change at once, unless the test has them do something else.
class FakeGroup final : public Group {
 public:
  raft::RaftId raft_id() override { return kSelf; }
  std::optional<store::Store::Leader> leader() override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (leader_ == kNobody) return std::nullopt;
    return store::Store::Leader{leader_, members_[leader_].member, leader_ == kSelf};
  }
  store::Membership membership() override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return now();
  }
  raft::Core::Status raft_status() override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    raft::Core::Status status;
    status.leader = leader_;
    status.term = term_;
    status.commit = commit_;
    status.transferring = transferring_;
    return status;
  }
  void change_members(raft::ChangeKind kind, const store::MembershipChange& change,
                      store::Store::Done done) override EXCLUDES(mutex_) {
    Status status;
    {
      MutexLock lock(mutex_);
      note(kind, change);
      changed_.notify_all();
      if (holds_) return held_.push_back(std::move(done));
      if (!answers_.empty()) {
        status = std::move(answers_.front());
        answers_.pop_front();
      }
      if (status.ok()) apply(kind, change);
    }
    done(status);
  }
  void matches(std::vector<raft::RaftId> members,
               std::function<void(const store::Consensus::Matches&)> then) override
      EXCLUDES(mutex_) {
    store::Consensus::Matches found;
    {
      MutexLock lock(mutex_);
      asked_for_matches_++;
      changed_.notify_all();
      if (holds_) return;
      for (const raft::RaftId id : members) found.emplace_back(id, matches_[id]);
    }
    then(found);
  }
  void confirm(std::unique_ptr<raft::Read> read) override EXCLUDES(mutex_) {
    Status status;
    {
      MutexLock lock(mutex_);
      told_.push_back("confirm");
      changed_.notify_all();
      if (holds_) return reads_.push_back(std::move(read));
      status = confirmed_;
    }
    status.ok() ? read->ready(raft::Index(50)) : read->failed(status);
  }
  void when_applied(raft::Index index, Nanos, store::Store::Done then) override EXCLUDES(mutex_) {
    Status status;
    {
      MutexLock lock(mutex_);
      told_.push_back("applied " + index.to_string());
      if (on_applied_) on_applied_();
      status = applied_;
    }
    then(status);
  }
  void transfer(raft::RaftId to) override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    told_.push_back("transfer to " + to.to_string());
    leader_ = next_leader_.value_or(to);
  }
  void leaves_as_leader() override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    told_.push_back("leaves");
  }

  // For the test, at any time.

  void add(raft::RaftId id, const std::string& node_id, const std::string& address,
           bool votes = true, bool wants_vote = true) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    members_[id] = {{node_id, address, wants_vote}, votes};
  }
  void forget(raft::RaftId id) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    members_.erase(id);
  }
  void lead(raft::RaftId id) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    leader_ = id;
  }
  void begin_term(raft::Term term) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    term_ = term;
  }
  // Who leads after a transfer, in place of whom it was to be.
  void elect_instead(raft::RaftId id) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    next_leader_ = id;
  }
  void transferring() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    transferring_ = true;
  }
  void commit(std::uint64_t index) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    commit_ = raft::Index(index);
  }
  void match(raft::RaftId id, std::uint64_t index) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    matches_[id] = raft::Index(index);
  }
  // What the next changes are answered with, one after the other; then they are agreed to.
  void answer(std::deque<Status> answers) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    answers_ = std::move(answers);
  }
  void confirmed(Status status, Status applied = {}) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    confirmed_ = std::move(status);
    applied_ = std::move(applied);
  }
  // Runs before it is said that all is applied.
  void on_applied(std::function<void()> what) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    on_applied_ = std::move(what);
  }
  void apply_add(raft::RaftId id, const std::string& node_id) REQUIRES(mutex_) {
    members_[id] = {{node_id, kNowhere, true}, true};
  }
  // From now on nothing is answered.
  void hold() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    holds_ = true;
  }
  // Answers everything after all, when nobody waits any more.
  void answer_late() EXCLUDES(mutex_) {
    std::vector<store::Store::Done> held;
    std::vector<std::unique_ptr<raft::Read>> reads;
    {
      MutexLock lock(mutex_);
      held = std::exchange(held_, {});
      reads = std::exchange(reads_, {});
    }
    for (const store::Store::Done& each : held) each({});
    for (const auto& each : reads) each->ready(raft::Index(50));
  }
  // Blocks until so much was asked for.
  void await_told(std::size_t count) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (told_.size() < count) changed_.wait(mutex_);
  }
  void await_matches() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (asked_for_matches_ == 0) changed_.wait(mutex_);
  }
  // What it was told since the last time: "learner 9 nine 127.0.0.1:1", "voter …", "remove 2".
  std::vector<std::string> told() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return std::exchange(told_, {});
  }
  int asked_for_matches() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return asked_for_matches_;
  }

  Mutex mutex_;

 private:
  store::Membership now() REQUIRES(mutex_) {
    std::map<raft::RaftId, store::Member> members;
    raft::Members parts;
    for (const auto& [id, entry] : members_) {
      members.emplace(id, entry.member);
      (entry.votes ? parts.voters : parts.learners).push_back(id);
    }
    return {members, raft::encode_members(parts)};
  }
  void note(raft::ChangeKind kind, const store::MembershipChange& change) REQUIRES(mutex_) {
    const std::string who = change.raft_id.to_string();
    if (kind == raft::ChangeKind::kRemove) {
      told_.push_back("remove " + who);
    } else {
      told_.push_back((kind == raft::ChangeKind::kAddVoter ? "voter " : "learner ") + who + " " +
                      change.member.node_id + " " + change.member.raft_address +
                      (change.member.wants_vote ? "" : " reads"));
    }
  }
  void apply(raft::ChangeKind kind, const store::MembershipChange& change) REQUIRES(mutex_) {
    members_.erase(change.raft_id);
    if (kind == raft::ChangeKind::kRemove) return;
    members_[change.raft_id] = {change.member, kind == raft::ChangeKind::kAddVoter};
  }

  CondVar changed_;
  std::map<raft::RaftId, store::Membership::Entry> members_ GUARDED_BY(mutex_);
  raft::RaftId leader_ GUARDED_BY(mutex_){kSelf};
  std::optional<raft::RaftId> next_leader_ GUARDED_BY(mutex_);
  bool transferring_ GUARDED_BY(mutex_) = false;
  raft::Index commit_ GUARDED_BY(mutex_){10};
  std::map<raft::RaftId, raft::Index> matches_ GUARDED_BY(mutex_);
  int asked_for_matches_ GUARDED_BY(mutex_) = 0;
  std::deque<Status> answers_ GUARDED_BY(mutex_);
  Status confirmed_ GUARDED_BY(mutex_);
  Status applied_ GUARDED_BY(mutex_);
  std::function<void()> on_applied_ GUARDED_BY(mutex_);
  bool holds_ GUARDED_BY(mutex_) = false;
  std::vector<store::Store::Done> held_ GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<raft::Read>> reads_ GUARDED_BY(mutex_);
  raft::Term term_ GUARDED_BY(mutex_);
  std::vector<std::string> told_ GUARDED_BY(mutex_);
};

// A node that says who it is.
class LiveNode {
 public:
  explicit LiveNode(raft::RaftId id)
      : port_([id](const PeerStandIn::Asked& asked, const std::shared_ptr<net::Reply>& reply) {
          EXPECT_EQ(asked.method + " " + asked.target, "GET /peer/1/identity");
          reply->send({200, net::kTextType, {}, encode(NodeIdentity{id, "whatever"})});
        }) {}
  [[nodiscard]] std::string address() const { return port_.address(); }
  std::size_t asked() { return port_.asked().size(); }

 private:
  PeerStandIn port_;
};

// This node leads a cluster of three: "one", "two" and "three", of which the other two are nowhere.
class MembersServiceTest : public testing::Test {
 protected:
  MembersServiceTest() {
    group_.add(kSelf, "one", "127.0.0.1:2");
    group_.add(kSecond, "two", kNowhere);
    group_.add(kThird, "three", "127.0.0.1:3");
  }
  ~MembersServiceTest() override {
    service_.reset();
    client_.close();
  }

  MembersService& service() {
    if (!service_) {
      service_ = std::make_unique<MembersService>(
          group_, client_, clock_, counters_, options_,
          [this](raft::RaftId id) { return clock_.now() - silent_for_[id]; });
    }
    return *service_;
  }

  // Requests, and what becomes of them: texts begin with what is to be done about them.

  static JoinRequest request(const std::string& address, bool wants_vote = true) {
    return {{kNew, "nine"}, address, wants_vote, ""};
  }
  std::future<std::string> ask_to_join(const JoinRequest& request) {
    auto told = std::make_shared<std::promise<std::string>>();
    service().join(request, [told](const MembersService::Joined& joined) {
      told->set_value(text_of(joined));
    });
    return told->get_future();
  }
  std::string join(const JoinRequest& request) { return ask_to_join(request).get(); }
  std::future<std::string> ask_to_remove(const std::string& node_id) {
    auto told = std::make_shared<std::promise<std::string>>();
    service().remove(node_id, [told](const Status& status) { told->set_value(text_of(status)); });
    return told->get_future();
  }
  std::string remove(const std::string& node_id) { return ask_to_remove(node_id).get(); }
  std::future<std::string> ask_to_hand_over(const std::string& node_id) {
    auto told = std::make_shared<std::promise<std::string>>();
    service().hand_over(node_id,
                        [told](const Status& status) { told->set_value(text_of(status)); });
    return told->get_future();
  }
  std::string hand_over(const std::string& node_id) { return ask_to_hand_over(node_id).get(); }

  static std::string text_of(const MembersService::Joined& joined) {
    switch (joined.outcome) {
      case Outcome::kMember:
        return "member";
      case Outcome::kCatchingUp:
        return "catching up";
      case Outcome::kNotLeader:
        return "not leader: " + joined.text;
      case Outcome::kRemoved:
        return "removed: " + joined.text;
      case Outcome::kRefused:
        return "refused: " + joined.text;
    }
    return "";
  }
  static std::string text_of(const Status& status) {
    switch (status.code()) {
      case Code::kOk:
        return "ok";
      case Code::kInvalid:
        return "invalid: " + status.text();
      case Code::kNotLeader:
        return "not leader: " + status.text();
      case Code::kNoLeader:
        return "no leader: " + status.text();
      case Code::kDeadline:
        return "deadline: " + status.text();
      case Code::kUnavailable:
        return "unavailable: " + status.text();
      case Code::kUnknown:
        return "unknown: " + status.text();
      default:
        return "another code: " + status.text();
    }
  }

  // Time.

  // Blocks until the service sleeps for so long, and lets that be over, or even more.
  void sleep_over(Nanos time) { sleep_over(time, time); }
  void sleep_over(Nanos time, Nanos passes) {
    clock_.await_sleeper(clock_.now() + time);
    clock_.advance(passes);
  }
  // The service looks after the members once more. Nothing else is to be under way, and no other
  // time has passed since the last look.
  void look() {
    service();
    sleep_over(kLook);
    clock_.await_sleeper(clock_.now() + kLook);
  }
  void look_after(Nanos time) {
    service();
    sleep_over(kLook, time);
    clock_.await_sleeper(clock_.now() + kLook);
  }
  std::vector<std::string> told() { return group_.told(); }

  FakeClock clock_;
  FakeGroup group_;
  Counters counters_;
  MembersService::Options options_;
  std::map<raft::RaftId, Nanos> silent_for_;  // before the service begins
  net::Client client_{net::Client::Options()};
  std::unique_ptr<MembersService> service_;
};

// A new node joins.

TEST_F(MembersServiceTest, ANewNodeBecomesALearnerAndAVoterWhenItHasCaughtUp) {
  const LiveNode node(kNew);
  look();
  EXPECT_EQ(join(request(node.address())), "catching up");
  EXPECT_THAT(told(), ElementsAre("learner 9 nine " + node.address()));
  EXPECT_EQ(join(request(node.address())), "catching up");
  EXPECT_EQ(counters_.joins, 0U);

  group_.match(kNew, 9);  // of the ten that were committed at the last look
  look();
  EXPECT_EQ(join(request(node.address())), "catching up");
  EXPECT_THAT(told(), IsEmpty());
  group_.commit(20);
  group_.match(kNew, 10);  // there is always more by now
  look();
  EXPECT_THAT(told(), ElementsAre("voter 9 nine " + node.address()));
  EXPECT_EQ(counters_.joins, 1U);
  EXPECT_EQ(join(request(node.address())), "member");
  EXPECT_EQ(counters_.ignored_joins, 0U);  // it was told to ask again
  EXPECT_EQ(join(request(node.address())), "member");
  EXPECT_EQ(counters_.ignored_joins, 1U);
}

TEST_F(MembersServiceTest, ANodeThatOnlyReadsStaysALearner) {
  const LiveNode node(kNew);
  EXPECT_EQ(join(request(node.address(), false)), "catching up");
  EXPECT_THAT(told(), ElementsAre("learner 9 nine " + node.address() + " reads"));
  EXPECT_EQ(counters_.joins, 1U);
  look();
  EXPECT_EQ(join(request(node.address(), false)), "catching up");
  group_.match(kNew, 10);
  look();
  EXPECT_EQ(join(request(node.address(), false)), "member");
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(counters_.joins, 1U);
}

TEST_F(MembersServiceTest, OnlyTheLeaderLetsNodesIn) {
  group_.lead(kThird);
  EXPECT_EQ(join(request(kNowhere)), "not leader: 127.0.0.1:3");
  group_.lead(kNobody);
  EXPECT_EQ(join(request(kNowhere)), "not leader: ");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, ANodeMustAnswerWhereItSaysItIs) {
  EXPECT_THAT(join(request("127.0.0.1:4")),
              StartsWith("refused: node at 127.0.0.1:4 cannot be reached: "));
  EXPECT_THAT(join(request("no.such.host.invalid:4")),
              StartsWith("refused: failed to resolve no.such.host.invalid:4: lookup "));
  const LiveNode another(kThird);
  EXPECT_EQ(join(request(another.address())),
            "refused: another node answers at " + another.address());
  const PeerStandIn strange([](const PeerStandIn::Asked&, const auto& reply) {
    reply->send(net::Response::text(200, "hello"));
  });
  EXPECT_EQ(join(request(strange.address())),
            "refused: node at " + strange.address() + " does not say who it is");
  const PeerStandIn closed([](const PeerStandIn::Asked&, const auto& reply) {
    reply->send({503, net::kTextType, {}, encode(NodeIdentity{kNew, "nine"})});
  });
  EXPECT_EQ(join(request(closed.address())),
            "refused: node at " + closed.address() + " does not say who it is");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, ANodeThatTakesTooLongToAnswerIsRefused) {
  const PeerStandIn silent;
  options_.connect_timeout = 1ms;
  EXPECT_THAT(join(request(silent.address())),
              StartsWith("refused: node at " + silent.address() + " cannot be reached: "));
}

TEST_F(MembersServiceTest, NobodyWaitsForANodeThatDoesNotSayWhoItIs) {
  const PeerStandIn silent;
  group_.match(kThird, 10);
  std::future<std::string> joined = ask_to_join(request(silent.address()));
  EXPECT_EQ(hand_over("two"), "ok");
  EXPECT_EQ(remove("three"), "not leader: not leader");
  client_.close();
  EXPECT_EQ(joined.get(), std::string("not leader: ") + kNowhere);
}

TEST_F(MembersServiceTest, WhoAnswersWhenAllIsOverIsRefused) {
  PeerStandIn node;
  std::future<std::string> joined = ask_to_join(request(node.address()));
  node.wait_until_asked(1);
  service_.reset();
  client_.close();
  EXPECT_EQ(joined.get(), "refused: shutting down");
}

// Whose place it takes.

TEST_F(MembersServiceTest, ANodeWithTheNameOfADeadOneTakesItsPlace) {
  const LiveNode node(kNew);
  JoinRequest wish = request(node.address());
  wish.identity.node_id = "two";
  EXPECT_EQ(join(wish), "catching up");
  EXPECT_THAT(told(), ElementsAre("remove 2", "learner 9 two " + node.address()));
  EXPECT_EQ(counters_.removed_before_joins, 1U);
}

TEST_F(MembersServiceTest, NobodyIsRemovedForANodeThatHasGivenUp) {
  PeerStandIn silent;
  options_.connect_timeout = 20ms;
  group_.add(kSecond, "two", silent.address());
  // It is asked last, when somebody else has its address.
  std::size_t asked_before = 0;
  PeerStandIn node([&](const PeerStandIn::Asked&, const auto& reply) {
    asked_before = silent.asked().size();
    reply->send({200, net::kTextType, {}, encode(NodeIdentity{kThird, "whatever"})});
  });
  JoinRequest wish = request(node.address());
  wish.identity.node_id = "two";
  EXPECT_EQ(join(wish), "refused: another node answers at " + node.address());
  EXPECT_EQ(asked_before, 1U);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(counters_.removed_before_joins, 0U);
}

TEST_F(MembersServiceTest, ANodeWithTheNameOfALiveOneIsRefused) {
  const LiveNode node(kNew);
  const LiveNode live(kSecond);
  group_.add(kSecond, "two", live.address());
  JoinRequest wish = request(node.address());
  wish.identity.node_id = "two";
  EXPECT_EQ(join(wish), "refused: node ID two is in use by a live node at " + live.address());
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, WhereSomebodyElseAnswersByNowTheOldOneIsDead) {
  const LiveNode node(kNew);
  const LiveNode stranger(kThird);
  group_.add(kSecond, "two", stranger.address());
  JoinRequest wish = request(node.address());
  wish.identity.node_id = "two";
  EXPECT_EQ(join(wish), "catching up");
  EXPECT_THAT(told(), ElementsAre("remove 2", "learner 9 two " + node.address()));
}

TEST_F(MembersServiceTest, ANodeAtTheAddressOfAnotherOneTakesItsPlaceWhateverItIsCalled) {
  LiveNode node(kNew);
  group_.add(kSecond, "two", node.address());
  EXPECT_EQ(join(request(node.address())), "catching up");
  EXPECT_THAT(told(), ElementsAre("remove 2", "learner 9 nine " + node.address()));
  EXPECT_EQ(node.asked(), 1U);  // who is there now is known
}

TEST_F(MembersServiceTest, ANodeMayTakeThePlaceOfTwo) {
  const LiveNode node(kNew);
  group_.add(kThird, "three", node.address());
  JoinRequest wish = request(node.address());
  wish.identity.node_id = "two";
  EXPECT_EQ(join(wish), "catching up");
  EXPECT_THAT(told(), ElementsAre("remove 2", "remove 3", "learner 9 two " + node.address()));
  EXPECT_EQ(counters_.removed_before_joins, 2U);
}

TEST_F(MembersServiceTest, NobodyTakesTheLeadersPlace) {
  const LiveNode node(kNew);
  JoinRequest wish = request(node.address());
  wish.identity.node_id = "one";
  EXPECT_EQ(join(wish), "refused: node ID one or address " + node.address() + " is the leader's");
  group_.add(kSelf, "one", node.address());
  EXPECT_EQ(join(request(node.address())),
            "refused: node ID nine or address " + node.address() + " is the leader's");
  EXPECT_THAT(told(), IsEmpty());
}

// Leadership, or the majority, is lost in the midst.

TEST_F(MembersServiceTest, WhatTheLogRefusesTheNodeHears) {
  const LiveNode node(kNew);
  group_.answer({{Code::kNotLeader, "not leader"}});
  EXPECT_EQ(join(request(node.address())), "refused: not leader");
  group_.answer({{Code::kUnknown, "leadership lost"}});
  EXPECT_EQ(join(request(node.address())), "refused: leadership lost");
  EXPECT_EQ(counters_.joins, 0U);
}

TEST_F(MembersServiceTest, AReaderThatIsNotAgreedOnIsNotCounted) {
  const LiveNode node(kNew);
  group_.answer({{Code::kUnknown, "leadership lost"}});
  EXPECT_EQ(join(request(node.address(), false)), "refused: leadership lost");
  EXPECT_EQ(counters_.joins, 0U);
}

TEST_F(MembersServiceTest, IfTheOldOneCannotBeRemovedTheNewOneIsNotAdded) {
  const LiveNode node(kNew);
  JoinRequest wish = request(node.address());
  wish.identity.node_id = "two";
  group_.answer({{Code::kUnknown, "leadership lost"}});
  EXPECT_EQ(join(wish), "refused: leadership lost");
  EXPECT_THAT(told(), ElementsAre("remove 2"));
  EXPECT_EQ(counters_.removed_before_joins, 0U);
}

TEST_F(MembersServiceTest, AChangeThatHasToWaitForAnotherOneIsTriedAgain) {
  group_.answer({{Code::kUnavailable, "another change is under way"},
                 {Code::kUnavailable, "another change is under way"}});
  std::future<std::string> removed = ask_to_remove("two");
  sleep_over(kRetry);
  sleep_over(kRetry);
  EXPECT_EQ(removed.get(), "ok");
  EXPECT_THAT(told(), SizeIs(3));
}

TEST_F(MembersServiceTest, ButNotForEver) {
  group_.answer(std::deque<Status>(3, {Code::kUnavailable, "another change is under way"}));
  std::future<std::string> removed = ask_to_remove("two");
  sleep_over(kRetry, options_.change_timeout - 1ns);
  sleep_over(kRetry);
  EXPECT_EQ(removed.get(), "unavailable: another change is under way");
  EXPECT_THAT(told(), SizeIs(3));
}

TEST_F(MembersServiceTest, AMajorityThatDoesNotAnswerIsNotWaitedForForEver) {
  group_.hold();
  std::future<std::string> removed = ask_to_remove("two");
  sleep_over(options_.change_timeout);
  EXPECT_EQ(removed.get(), "deadline: the change of members takes too long: is there a majority?");
  group_.answer_late();
}

// A node that is a member asks again.

TEST_F(MembersServiceTest, AMemberIsToldThatItIsOne) {
  EXPECT_EQ(join({{kSecond, "two"}, kNowhere, true, "mine"}), "member");
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(counters_.ignored_joins, 1U);
}

TEST_F(MembersServiceTest, ALearnerThatIsToVoteIsToldToWait) {
  group_.add(kSecond, "two", kNowhere, false);
  EXPECT_EQ(join({{kSecond, "two"}, kNowhere, true, "mine"}), "catching up");
  EXPECT_EQ(counters_.ignored_joins, 0U);
}

TEST_F(MembersServiceTest, AMemberThatHasMovedKeepsWhatItIs) {
  const LiveNode second(kSecond);
  EXPECT_EQ(join({{kSecond, "two"}, second.address(), true, "mine"}), "member");
  EXPECT_THAT(told(), ElementsAre("voter 2 two " + second.address()));
  const LiveNode third(kThird);
  group_.add(kThird, "three", kNowhere, false, false);
  EXPECT_EQ(join({{kThird, "three"}, third.address(), true, "mine"}), "member");
  EXPECT_THAT(told(), ElementsAre("learner 3 three " + third.address() + " reads"));
  EXPECT_EQ(counters_.joins, 2U);
  EXPECT_EQ(counters_.removed_before_joins, 2U);
}

TEST_F(MembersServiceTest, AMemberMayHaveAnotherName) {
  const LiveNode second(kSecond);
  group_.add(kSecond, "two", second.address());
  EXPECT_EQ(join({{kSecond, "deux"}, second.address(), true, "mine"}), "member");
  EXPECT_THAT(told(), ElementsAre("voter 2 deux " + second.address()));
}

TEST_F(MembersServiceTest, AMemberDoesNotTakeTheNameOfAnother) {
  const LiveNode second(kSecond);
  EXPECT_EQ(join({{kSecond, "three"}, second.address(), true, "mine"}),
            "refused: node ID three is in use by another node");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, AMemberMustAnswerWhereItHasMovedTo) {
  EXPECT_THAT(join({{kSecond, "two"}, "127.0.0.1:4", true, "mine"}),
              StartsWith("refused: node at 127.0.0.1:4 cannot be reached: "));
  const LiveNode another(kThird);
  EXPECT_EQ(join({{kSecond, "two"}, another.address(), true, "mine"}),
            "refused: another node answers at " + another.address());
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, AMoveThatIsNotAgreedOnIsRefused) {
  const LiveNode second(kSecond);
  group_.answer({{Code::kUnknown, "leadership lost"}});
  EXPECT_EQ(join({{kSecond, "two"}, second.address(), true, "mine"}), "refused: leadership lost");
  EXPECT_EQ(counters_.joins, 0U);
}

// A node that was a member.

TEST_F(MembersServiceTest, WhoWasRemovedHearsItOnceAMajoritySaysSo) {
  JoinRequest wish = request(kNowhere);
  wish.cluster_id = "mine";
  EXPECT_EQ(join(wish), "removed: this node was removed from the cluster");
  EXPECT_THAT(told(), ElementsAre("confirm", "applied 50"));
}

TEST_F(MembersServiceTest, ALeaderThatIsNoneAnyMoreRemovesNobody) {
  JoinRequest wish = request(kNowhere);
  wish.cluster_id = "mine";
  group_.confirmed({Code::kNotLeader, "not leader"});
  EXPECT_EQ(join(wish), "not leader: ");
  group_.confirmed({}, {Code::kDeadline, "not applied in time"});
  EXPECT_EQ(join(wish), "not leader: ");
}

TEST_F(MembersServiceTest, NorDoesOneThatNoMajorityAnswers) {
  JoinRequest wish = request(kNowhere);
  wish.cluster_id = "mine";
  group_.hold();
  std::future<std::string> joined = ask_to_join(wish);
  sleep_over(options_.change_timeout);
  EXPECT_EQ(joined.get(), "not leader: ");
  group_.answer_late();
}

TEST_F(MembersServiceTest, WhoWasAddedBeforeThisLeadersTimeIsNoStranger) {
  JoinRequest wish = request(kNowhere);
  wish.cluster_id = "mine";
  group_.on_applied([this]() REQUIRES(group_.mutex_) { group_.apply_add(kNew, "nine"); });
  EXPECT_EQ(join(wish), "catching up");
}

// Learners become voters.

TEST_F(MembersServiceTest, APromotionThatFailsIsTriedAgain) {
  group_.add(kNew, "nine", kNowhere, false);
  group_.match(kNew, 10);
  group_.answer({{Code::kUnknown, "leadership lost"}});
  look();
  EXPECT_EQ(counters_.joins, 0U);
  look();
  EXPECT_EQ(counters_.joins, 1U);
  EXPECT_THAT(told(), SizeIs(2));
}

TEST_F(MembersServiceTest, ANewLeaderLooksTwiceBeforeItPromotes) {
  group_.lead(kThird);
  look();
  group_.add(kNew, "nine", kNowhere, false);
  group_.match(kNew, 10);
  look();
  EXPECT_THAT(told(), IsEmpty());
  group_.lead(kSelf);
  look();
  group_.lead(kThird);
  look();
  group_.lead(kSelf);
  look();
  EXPECT_THAT(told(), IsEmpty());
  look();
  EXPECT_THAT(told(), ElementsAre(StartsWith("voter 9")));
}

TEST_F(MembersServiceTest, WhereEverybodyHasWhatItIsToHaveNobodyIsAsked) {
  group_.add(kNew, "nine", kNowhere, false, false);
  group_.match(kNew, 10);
  look();
  look();
  const int asked = group_.asked_for_matches();
  EXPECT_GT(asked, 0);
  for (int i = 0; i < 3; i++) look();
  EXPECT_EQ(group_.asked_for_matches(), asked);
}

TEST_F(MembersServiceTest, WhoOnlyReadsAndHadCaughtUpIsLookedAtAnewByTheNextLeader) {
  group_.add(kNew, "nine", "127.0.0.1:4", false, false);
  group_.match(kNew, 10);
  look();
  look();
  const JoinRequest again{{kNew, "nine"}, "127.0.0.1:4", false, "mine"};
  EXPECT_EQ(join(again), "member");
  group_.lead(kThird);
  look();
  group_.lead(kSelf);
  EXPECT_EQ(join(again), "catching up");
}

TEST_F(MembersServiceTest, OthersAreLookedAfterAtEachLook) {
  std::atomic<int> looks = 0;
  options_.on_look = [&] { looks++; };
  look();
  EXPECT_EQ(looks, 2);  // one when it began
  group_.lead(kThird);
  look();
  EXPECT_EQ(looks, 3);
  service().stop();
}

// Who is silent is removed.

TEST_F(MembersServiceTest, WhoIsSilentForTooLongIsRemovedButNotBeforeThisNodeHasLedForSoLong) {
  options_.reap_voters_after = 10s;
  silent_for_[kSecond] = 1h;
  look_after(10s - kLook);
  look();
  EXPECT_THAT(told(), IsEmpty());
  look();
  EXPECT_THAT(told(), ElementsAre("remove 2"));
  EXPECT_EQ(counters_.reaped, 1U);
  look_after(1h);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, WhoSaysSomethingInTimeStays) {
  options_.reap_voters_after = 10s;
  silent_for_[kSecond] = 10s;
  silent_for_[kThird] = 10s + 1ns;
  look_after(1h);
  EXPECT_THAT(told(), ElementsAre("remove 3"));
}

TEST_F(MembersServiceTest, ANewLeaderGivesEverybodyTime) {
  options_.reap_voters_after = 10s;
  silent_for_[kSecond] = 1h;
  look();
  group_.lead(kThird);
  look_after(1h);
  group_.lead(kSelf);
  look();
  look_after(10s);
  EXPECT_THAT(told(), IsEmpty());
  look();
  EXPECT_THAT(told(), ElementsAre("remove 2"));
}

TEST_F(MembersServiceTest, ReadersHaveATimeOfTheirOwn) {
  options_.reap_readers_after = 10s;
  group_.add(kThird, "three", kNowhere, false, false);
  silent_for_[kSecond] = 1h;
  silent_for_[kThird] = 1h;
  look_after(1h);
  EXPECT_THAT(told(), ElementsAre("remove 3"));
}

TEST_F(MembersServiceTest, WhoWasToBecomeAVoterHasTheTimeOfOne) {
  options_.reap_voters_after = 10s;
  group_.add(kThird, "three", kNowhere, false, true);
  silent_for_[kThird] = 1h;
  look_after(1h);
  EXPECT_THAT(told(), ElementsAre("remove 3"));
}

TEST_F(MembersServiceTest, WithoutATimeNobodyIsRemoved) {
  silent_for_[kSecond] = 1h;
  look_after(1h);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, TheLeaderDoesNotRemoveItselfForItsSilence) {
  options_.reap_voters_after = 10s;
  silent_for_[kSelf] = 1h;
  look_after(1h);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, ARemovalThatFailsIsCountedAndTriedAgain) {
  options_.reap_voters_after = 10s;
  silent_for_[kSecond] = 1h;
  group_.answer({{Code::kUnknown, "leadership lost"}});
  look_after(1h);
  EXPECT_EQ(counters_.failed_reaps, 1U);
  EXPECT_EQ(counters_.reaped, 0U);
  look();
  EXPECT_EQ(counters_.reaped, 1U);
}

// What a leader does not know yet.

TEST_F(MembersServiceTest, ANewLeaderDecidesOnWhatWasAgreedOnBefore) {
  group_.begin_term(raft::Term(2));
  group_.on_applied([this]() REQUIRES(group_.mutex_) { group_.apply_add(kNew, "nine"); });
  EXPECT_EQ(remove("nine"), "ok");
  EXPECT_THAT(told(), ElementsAre("confirm", "applied 50", "remove 9"));
  EXPECT_EQ(remove("three"), "ok");
  EXPECT_THAT(told(), ElementsAre("remove 3"));  // in the same term
}

TEST_F(MembersServiceTest, ALeaderThatNoMajorityConfirmsDecidesNothing) {
  group_.begin_term(raft::Term(2));
  group_.confirmed({Code::kNotLeader, "not leader"});
  EXPECT_EQ(remove("three"), "not leader: not leader");
  const LiveNode node(kNew);
  EXPECT_EQ(join(request(node.address())), "not leader: ");
  EXPECT_THAT(told(), Each(StrEq("confirm")));
}

TEST_F(MembersServiceTest, SoManyNodesAtATimeAreAskedWhoTheyAre) {
  const PeerStandIn silent;
  std::vector<std::future<std::string>> joins;
  for (int i = 0; i < 32; i++) joins.push_back(ask_to_join(request(silent.address())));
  EXPECT_EQ(join(request(silent.address())),
            "refused: too many nodes want to join at the same time");
  client_.close();
  for (auto& each : joins) EXPECT_THAT(each.get(), StartsWith("refused: node at "));
}

// Somebody is to be removed.

TEST_F(MembersServiceTest, RemovesAMemberByItsName) {
  EXPECT_EQ(remove("three"), "ok");
  EXPECT_THAT(told(), ElementsAre("remove 3"));
}

TEST_F(MembersServiceTest, WhoIsNoMemberIsAsGoodAsRemoved) {
  EXPECT_EQ(remove("nobody"), "ok");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, OnlyTheLeaderRemoves) {
  group_.lead(kThird);
  EXPECT_EQ(remove("two"), "not leader: not leader");
  group_.lead(kNobody);
  EXPECT_EQ(remove("two"), "no leader: leader not found");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, TheOnlyVoterStays) {
  group_.forget(kThird);
  group_.add(kSecond, "two", kNowhere, false, false);
  EXPECT_EQ(remove("one"), "invalid: need at least one voter in configuration: {[]}");
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(remove("two"), "ok");
}

TEST_F(MembersServiceTest, ARemovalThatIsNotAgreedOnSaysSo) {
  group_.answer({{Code::kUnknown, "leadership lost"}});
  EXPECT_EQ(remove("two"), "unknown: leadership lost");
}

TEST_F(MembersServiceTest, ALeaderThatIsToGoHandsOverToWhoeverHasMost) {
  group_.match(kSecond, 9);
  group_.match(kThird, 10);
  EXPECT_EQ(remove("one"), "not leader: not leader");
  EXPECT_THAT(told(), ElementsAre("leaves", "transfer to 3"));
}

TEST_F(MembersServiceTest, ALeaderThatCannotHandOverStays) {
  group_.elect_instead(kSelf);
  std::future<std::string> removed = ask_to_remove("one");
  sleep_over(kPoll, options_.transfer_timeout);
  EXPECT_EQ(removed.get(), "deadline: leadership transfer timeout");
}

// Leadership is handed over.

TEST_F(MembersServiceTest, HandsOverToTheMemberOfThatName) {
  group_.match(kThird, 10);
  EXPECT_EQ(hand_over("two"), "ok");
  EXPECT_THAT(told(), ElementsAre("transfer to 2"));
}

TEST_F(MembersServiceTest, HandsOverToTheVoterThatHasMost) {
  group_.add(kNew, "nine", kNowhere, false, false);
  group_.match(kSelf, 20);
  group_.match(kNew, 20);
  group_.match(kSecond, 10);
  group_.match(kThird, 9);
  EXPECT_EQ(hand_over(""), "ok");
  EXPECT_THAT(told(), ElementsAre("transfer to 2"));
}

TEST_F(MembersServiceTest, OnlyAnotherVoterCanLead) {
  group_.add(kNew, "nine", kNowhere, false);
  EXPECT_EQ(hand_over("nobody"), "invalid: node not found in cluster");
  EXPECT_EQ(hand_over("one"), "invalid: cannot step down to the current Leader");
  EXPECT_EQ(hand_over("nine"), "invalid: cannot step down to a non-voting node");
  group_.forget(kSecond);
  group_.forget(kThird);
  EXPECT_EQ(hand_over(""), "invalid: cannot find peer");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, OnlyTheLeaderHandsOver) {
  group_.lead(kThird);
  EXPECT_EQ(hand_over("two"), "not leader: not leader");
  group_.lead(kNobody);
  EXPECT_EQ(hand_over(""), "no leader: leader not found");
}

TEST_F(MembersServiceTest, OneHandOverAtATime) {
  group_.transferring();
  EXPECT_EQ(hand_over("two"), "unavailable: leadership transfer in progress");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, SomebodyElseMayBeElected) {
  group_.elect_instead(kThird);
  EXPECT_EQ(hand_over("two"), "unavailable: another node became the leader");
}

TEST_F(MembersServiceTest, AnElectionIsWaitedFor) {
  group_.elect_instead(kNobody);
  std::future<std::string> handed = ask_to_hand_over("two");
  sleep_over(kPoll);
  clock_.await_sleeper(clock_.now() + kPoll);
  group_.lead(kSecond);
  clock_.advance(kPoll);
  EXPECT_EQ(handed.get(), "ok");
}

TEST_F(MembersServiceTest, AnElectionIsNotWaitedForForEver) {
  group_.elect_instead(kNobody);
  std::future<std::string> handed = ask_to_hand_over("two");
  sleep_over(kPoll, options_.transfer_timeout - 1ns);
  sleep_over(kPoll);
  EXPECT_EQ(handed.get(), "deadline: leadership transfer timeout");
}

// The end.

TEST_F(MembersServiceTest, AStopEndsTheWaitForTheLogAndRefusesWhatWaits) {
  group_.hold();
  std::future<std::string> removed = ask_to_remove("two");
  group_.await_told(1);
  std::future<std::string> joined = ask_to_join(request(kNowhere));
  std::future<std::string> handed = ask_to_hand_over("");
  service().stop();
  EXPECT_EQ(removed.get(), "unavailable: shutting down");
  EXPECT_EQ(joined.get(), "refused: shutting down");
  EXPECT_EQ(handed.get(), "unavailable: shutting down");
  group_.answer_late();
}

TEST_F(MembersServiceTest, AStopEndsTheWaitForAMajority) {
  JoinRequest wish = request(kNowhere);
  wish.cluster_id = "mine";
  group_.hold();
  std::future<std::string> joined = ask_to_join(wish);
  group_.await_told(1);
  service().stop();
  EXPECT_EQ(joined.get(), "not leader: ");
  group_.answer_late();
}

TEST_F(MembersServiceTest, AStopEndsTheWaitForAnotherChange) {
  group_.answer({{Code::kUnavailable, "another change is under way"}});
  std::future<std::string> removed = ask_to_remove("two");
  clock_.await_sleeper(clock_.now() + kRetry);
  service().stop();
  EXPECT_EQ(removed.get(), "unavailable: shutting down");
}

TEST_F(MembersServiceTest, AStopEndsTheWaitForAnElection) {
  group_.elect_instead(kNobody);
  std::future<std::string> handed = ask_to_hand_over("two");
  clock_.await_sleeper(clock_.now() + kPoll);
  service().stop();
  EXPECT_EQ(handed.get(), "unavailable: shutting down");
}

TEST_F(MembersServiceTest, AStopEndsALookThatWaitsForTheLog) {
  group_.add(kNew, "nine", kNowhere, false);
  group_.hold();
  service();
  sleep_over(kLook);
  group_.await_matches();
  service().stop();
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, AfterTheEndEverybodyIsRefused) {
  service().stop();
  EXPECT_EQ(remove("two"), "unavailable: shutting down");
  EXPECT_EQ(join(request(kNowhere)), "refused: shutting down");
  EXPECT_THAT(told(), IsEmpty());
}

}  // namespace
}  // namespace rqlite::cluster
