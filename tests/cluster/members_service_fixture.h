#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "cluster/members_service.h"
#include "cluster/peer_stand_in.h"
#include "fakes/fake_clock.h"
#include "raft/members.h"

namespace rqlite::cluster {

inline constexpr raft::RaftId kNobody(0);
inline constexpr raft::RaftId kSelf(1);
inline constexpr raft::RaftId kSecond(2);
inline constexpr raft::RaftId kThird(3);
inline constexpr raft::RaftId kNew(9);
inline constexpr Nanos kLook = std::chrono::milliseconds(100);
inline constexpr Nanos kRetry = std::chrono::milliseconds(20);
inline constexpr Nanos kPoll = std::chrono::milliseconds(2);
inline constexpr const char* kNowhere = "127.0.0.1:1";

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
  explicit LiveNode(raft::RaftId id, std::uint64_t process = 0)
      : port_([id, process](const PeerStandIn::Asked& asked,
                            const std::shared_ptr<net::Reply>& reply) {
          EXPECT_EQ(asked.method + " " + asked.target, "GET /peer/1/identity");
          reply->send({200, net::kTextType, {}, encode(NodeIdentity{id, "whatever", process})});
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
      case MembersService::Joined::Outcome::kMember:
        return "member";
      case MembersService::Joined::Outcome::kCatchingUp:
        return "catching up";
      case MembersService::Joined::Outcome::kNotLeader:
        return "not leader: " + joined.text;
      case MembersService::Joined::Outcome::kRemoved:
        return "removed: " + joined.text;
      case MembersService::Joined::Outcome::kRefused:
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
  // Looks as often as is due in that time.
  void look_for(Nanos time) {
    for (Nanos passed{0}; passed < time; passed += kLook) look();
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

}  // namespace rqlite::cluster
