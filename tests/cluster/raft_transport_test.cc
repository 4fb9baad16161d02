#include "cluster/raft_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "cluster/peer_protocol.h"
#include "cluster/peer_stand_in.h"
#include "fakes/fake_clock.h"
#include "net/socket.h"
#include "raft/members.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr raft::RaftId kHere(1);
constexpr raft::RaftId kThere(2);
constexpr raft::RaftId kElsewhere(3);

// What a transport tells, in order, as texts: "2 m hello", "2 s hello", "2 sent", "2 not sent",
// "2 unreachable".
class Told final : public RaftTransport::Listener {
 public:
  void on_message(raft::RaftId from, Bytes message) override { put(from, "m " + message); }
  void on_snapshot(raft::RaftId from, Bytes message) override { put(from, "s " + message); }
  void on_snapshot_sent(raft::RaftId to, bool sent) override {
    put(to, sent ? "sent" : "not sent");
  }
  void on_unreachable(raft::RaftId to) override { put(to, "unreachable"); }

  // Blocks until there is one.
  std::string next() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (texts_.empty()) changed_.wait(mutex_);
    std::string first = std::move(texts_.front());
    texts_.pop_front();
    return first;
  }
  bool empty() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return texts_.empty();
  }

 private:
  void put(raft::RaftId id, const std::string& what) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    texts_.push_back(std::to_string(id.value()) + " " + what);
    changed_.notify_all();
  }

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::string> texts_ GUARDED_BY(mutex_);
};

// One end: a transport, and the port where others find it.
class End {
 public:
  End(raft::RaftId id, const Clock& clock)
      : transport_(id, port_.address(), client_, clock, told_) {
    port_.answer([this](const PeerStandIn::Asked& asked, const std::shared_ptr<net::Reply>& reply) {
      // Those whom a test lets in later wait.
      MutexLock lock(mutex_);
      waiting_.emplace_back(asked, reply);
      changed_.notify_all();
      if (open_) let_in();
    });
  }
  ~End() {
    close();
    // While there is a port, to which their replies belong.
    std::deque<Waiting> unanswered;
    MutexLock lock(mutex_);
    unanswered.swap(waiting_);
  }
  End(const End&) = delete;

  void close() {
    transport_.close();
    client_.close();
    port_.stop();
  }

  // Streams are accepted as they come, from now on.
  void open() {
    MutexLock lock(mutex_);
    open_ = true;
    let_in();
  }
  // Blocks until somebody wants a stream, and refuses it.
  PeerStandIn::Asked refuse() {
    auto [asked, reply] = take();
    reply->send(net::Response::text(503, "no"));
    return asked;
  }
  // Blocks until somebody wants a stream, and leaves it waiting.
  PeerStandIn::Asked await() {
    MutexLock lock(mutex_);
    while (waiting_.empty()) changed_.wait(mutex_);
    return waiting_.front().first;
  }

  [[nodiscard]] std::string address() const { return port_.address(); }
  std::vector<PeerStandIn::Asked> asked() { return port_.asked(); }
  RaftTransport& operator*() { return transport_; }
  RaftTransport* operator->() { return &transport_; }
  Told& told() { return told_; }
  // The only member that it knows.
  RaftTransport::PeerReport peer() {
    const std::vector<RaftTransport::PeerReport> all = transport_.report();
    EXPECT_THAT(all, SizeIs(1));
    return all.empty() ? RaftTransport::PeerReport() : all[0];
  }

 private:
  using Waiting = std::pair<PeerStandIn::Asked, std::shared_ptr<net::Reply>>;

  Waiting take() {
    MutexLock lock(mutex_);
    while (waiting_.empty()) changed_.wait(mutex_);
    Waiting first = std::move(waiting_.front());
    waiting_.pop_front();
    return first;
  }
  void let_in() REQUIRES(mutex_) {
    for (const auto& [asked, reply] : std::exchange(waiting_, {})) {
      const raft::RaftId from = *raft_id_of(asked.header(kFromHeader));
      reply->upgrade(std::string(kStreamProtocol), {},
                     [this, from](std::unique_ptr<net::Socket> socket, const Bytes& received) {
                       transport_.accept(from, std::move(socket), received);
                     });
    }
  }

  Mutex mutex_;
  CondVar changed_;
  bool open_ GUARDED_BY(mutex_) = false;
  std::deque<Waiting> waiting_ GUARDED_BY(mutex_);
  Told told_;
  net::Client client_{net::Client::Options()};
  PeerStandIn port_;
  RaftTransport transport_;
};

class RaftTransportTest : public ::testing::Test {
 protected:
  // Who takes part, with addresses.
  static store::Membership members(const std::map<raft::RaftId, std::string>& addresses) {
    std::map<raft::RaftId, store::Member> all;
    raft::Members voters;
    for (const auto& [id, address] : addresses) {
      all[id] = {std::to_string(id.value()), address};
      voters.voters.push_back(id);
    }
    return {all, raft::encode_members(voters)};
  }
  // Both know each other.
  void introduce() {
    here_->set_members("the cluster",
                       members({{kHere, here_.address()}, {kThere, there_.address()}}));
    there_->set_members("the cluster",
                        members({{kHere, here_.address()}, {kThere, there_.address()}}));
  }
  // What is sent from here arrives there.
  void connect() {
    introduce();
    there_.open();
    here_->send(kThere, false, "hello");
    ASSERT_EQ(there_.told().next(), "1 m hello");
  }

  FakeClock clock_;
  End here_{kHere, clock_};
  End there_{kThere, clock_};
};

// Messages.

TEST_F(RaftTransportTest, MessagesArriveInOrderWhoeverMadeTheStream) {
  connect();
  for (int i = 0; i < 100; i++) here_->send(kThere, false, std::to_string(i));
  for (int i = 0; i < 100; i++) EXPECT_EQ(there_.told().next(), "1 m " + std::to_string(i));
  EXPECT_EQ(here_.peer().connects, 1u);
  EXPECT_EQ(here_.peer().sent, 101u);
  EXPECT_EQ(here_.peer().lost, 0u);
  EXPECT_TRUE(here_.peer().connected);
  EXPECT_TRUE(here_.told().empty());
}

TEST_F(RaftTransportTest, EachDirectionHasAStreamOfItsOwn) {
  connect();
  here_.open();
  there_->send(kHere, false, "and back");
  EXPECT_EQ(here_.told().next(), "2 m and back");
  EXPECT_THAT(here_.asked(), SizeIs(1));
  EXPECT_THAT(there_.asked(), SizeIs(1));
}

TEST_F(RaftTransportTest, AStreamSaysOfWhichClusterItIsFromWhomAndToWhom) {
  connect();
  const PeerStandIn::Asked asked = there_.asked()[0];
  EXPECT_EQ(asked.method + " " + asked.target, "GET /peer/1/stream");
  EXPECT_EQ(asked.header(kClusterHeader), "the cluster");
  EXPECT_EQ(asked.header(kFromHeader), to_text(kHere));
  EXPECT_EQ(asked.header(kToHeader), to_text(kThere));
  EXPECT_EQ(asked.header(kAddressHeader), here_.address());
}

TEST_F(RaftTransportTest, AnEmptyMessageIsOneToo) {
  connect();
  here_->send(kThere, false, "");
  EXPECT_EQ(there_.told().next(), "1 m ");
}

TEST_F(RaftTransportTest, WhatAnnouncesASnapshotIsToldApartAndItsSendingIsTold) {
  connect();
  here_->send(kThere, true, "a snapshot");
  EXPECT_EQ(there_.told().next(), "1 s a snapshot");
  EXPECT_EQ(here_.told().next(), "2 sent");
}

TEST_F(RaftTransportTest, WhenAMemberWasHeardOfLast) {
  introduce();
  EXPECT_EQ(there_->heard_at(kHere), TimePoint());
  connect();
  const TimePoint first = clock_.now();
  EXPECT_EQ(there_->heard_at(kHere), first);
  clock_.advance(1s);
  here_->send(kThere, false, "again");
  EXPECT_EQ(there_.told().next(), "1 m again");
  EXPECT_EQ(there_->heard_at(kHere), first + 1s);
  EXPECT_EQ(there_.peer().received, 2u);
  EXPECT_EQ(there_.peer().heard_at, first + 1s);
}

// While a stream is made.

TEST_F(RaftTransportTest, WhatIsSentWhileAStreamIsMadeWaitsForIt) {
  introduce();
  for (int i = 0; i < 3; i++) here_->send(kThere, false, std::to_string(i));
  there_.await();
  here_->send(kThere, false, "3");
  there_.open();
  for (int i = 0; i < 4; i++) EXPECT_EQ(there_.told().next(), "1 m " + std::to_string(i));
  EXPECT_THAT(there_.asked(), SizeIs(1));
  EXPECT_TRUE(here_.told().empty());
}

TEST_F(RaftTransportTest, SixtyFourKibibytesMayWait) {
  introduce();
  here_->send(kThere, false, Bytes(60'000, 'a'));
  here_->send(kThere, false, Bytes(60'000, 'b'));
  EXPECT_EQ(here_.told().next(), "2 unreachable");
  here_->send(kThere, false, Bytes(5'000, 'c'));
  EXPECT_EQ(here_.peer().lost, 1u);
  there_.open();
  EXPECT_EQ(there_.told().next(), "1 m " + Bytes(60'000, 'a'));
  EXPECT_EQ(there_.told().next(), "1 m " + Bytes(5'000, 'c'));
}

TEST_F(RaftTransportTest, ASnapshotDoesNotWait) {
  introduce();
  here_->send(kThere, true, "a snapshot");
  EXPECT_EQ(here_.told().next(), "2 not sent");
  EXPECT_EQ(here_.told().next(), "2 unreachable");
}

TEST_F(RaftTransportTest, WhatWaitedForAStreamThatIsRefusedIsLost) {
  introduce();
  here_->send(kThere, false, "lost");
  there_.refuse();
  EXPECT_EQ(here_.told().next(), "2 unreachable");
  EXPECT_EQ(here_.peer().lost, 1u);
  EXPECT_FALSE(here_.peer().connected);
}

TEST_F(RaftTransportTest, AStreamThatWasRefusedIsTriedAgainAfterAWhile) {
  introduce();
  here_->send(kThere, false, "lost");
  there_.refuse();
  EXPECT_EQ(here_.told().next(), "2 unreachable");
  here_->send(kThere, false, "too soon");
  EXPECT_EQ(here_.told().next(), "2 unreachable");
  EXPECT_EQ(here_.peer().connects, 1u);
  there_.open();
  clock_.advance(100ms);
  here_->send(kThere, false, "now");
  EXPECT_EQ(there_.told().next(), "1 m now");
  EXPECT_EQ(here_.peer().connects, 2u);
}

// Who cannot be reached.

TEST_F(RaftTransportTest, WhoeverIsNoMemberIsUnreachable) {
  introduce();
  here_->send(kElsewhere, false, "hello");
  EXPECT_EQ(here_.told().next(), "3 unreachable");
  here_->send(kElsewhere, true, "a snapshot");
  EXPECT_EQ(here_.told().next(), "3 not sent");
  EXPECT_EQ(here_.told().next(), "3 unreachable");
}

TEST_F(RaftTransportTest, AMemberThatGoesIsUnreachable) {
  connect();
  there_.close();
  EXPECT_EQ(here_.told().next(), "2 unreachable");
  EXPECT_FALSE(here_.peer().connected);
}

TEST_F(RaftTransportTest, AMessageThatIsTooLargeIsLost) {
  connect();
  here_->send(kThere, false, Bytes(kFrameBytesMax, 'x'));
  EXPECT_EQ(here_.told().next(), "2 unreachable");
  here_->send(kThere, false, "small");
  EXPECT_EQ(there_.told().next(), "1 m small");
}

// Changes of members.

TEST_F(RaftTransportTest, AMemberThatHasMovedIsFoundAtItsNewAddress) {
  connect();
  End moved(kThere, clock_);
  moved.open();
  here_->set_members("the cluster", members({{kHere, here_.address()}, {kThere, moved.address()}}));
  clock_.advance(100ms);
  here_->send(kThere, false, "after you");
  EXPECT_EQ(moved.told().next(), "1 m after you");
  EXPECT_EQ(here_.peer().address, moved.address());
}

TEST_F(RaftTransportTest, AMemberThatWasRemovedHearsNothingMore) {
  connect();
  here_->set_members("the cluster", members({{kHere, here_.address()}}));
  here_->send(kThere, false, "are you there");
  EXPECT_EQ(here_.told().next(), "2 unreachable");
  EXPECT_THAT(here_->report(), IsEmpty());
  EXPECT_TRUE(there_.told().empty());
}

TEST_F(RaftTransportTest, AMemberThatStaysKeepsItsStream) {
  connect();
  here_->set_members(
      "the cluster",
      members({{kHere, here_.address()}, {kThere, there_.address()}, {kElsewhere, "127.0.0.1:1"}}));
  here_->send(kThere, false, "again");
  EXPECT_EQ(there_.told().next(), "1 m again");
  EXPECT_THAT(there_.asked(), SizeIs(1));
}

TEST_F(RaftTransportTest, WhoeverConnectsAgainHasGivenItsLastStreamUp) {
  connect();
  // The same member, started again.
  End again(kHere, clock_);
  again->set_members("the cluster",
                     members({{kHere, again.address()}, {kThere, there_.address()}}));
  again->send(kThere, false, "it is me");
  EXPECT_EQ(there_.told().next(), "1 m it is me");
  EXPECT_EQ(here_.told().next(), "2 unreachable");
}

// Who has not been heard of.

TEST_F(RaftTransportTest, WhoeverSaysWhereItIsIsAnswered) {
  here_->learn(kThere, there_.address(), "its cluster");
  there_.open();
  here_->send(kThere, false, "hello");
  EXPECT_EQ(there_.told().next(), "1 m hello");
  EXPECT_EQ(there_.asked()[0].header(kClusterHeader), "its cluster");
}

TEST_F(RaftTransportTest, WhatWasLearnedLastsUntilTheMembersSayOtherwise) {
  here_->learn(kThere, there_.address(), "its cluster");
  here_->set_members("the cluster", members({{kHere, here_.address()}}));
  EXPECT_EQ(here_.peer().address, there_.address());
  here_->set_members("the cluster", members({{kHere, here_.address()}, {kThere, "127.0.0.1:1"}}));
  EXPECT_EQ(here_.peer().address, "127.0.0.1:1");
  here_->set_members("the cluster", members({{kHere, here_.address()}}));
  EXPECT_THAT(here_->report(), IsEmpty());
}

TEST_F(RaftTransportTest, NobodySaysWhereAMemberIsButTheMembership) {
  introduce();
  here_->learn(kThere, "127.0.0.1:1", "another cluster");
  EXPECT_EQ(here_.peer().address, there_.address());
  there_.open();
  here_->send(kThere, false, "hello");
  EXPECT_EQ(there_.told().next(), "1 m hello");
  EXPECT_EQ(there_.asked()[0].header(kClusterHeader), "the cluster");
}

// One voter at `address`, and this node, which reads.
store::Membership reading_from(const std::string& address, const std::string& here) {
  raft::Members parts;
  parts.voters = {kThere};
  parts.learners = {kHere};
  return {{{kThere, {"2", address}}, {kHere, {"1", here, false}}}, raft::encode_members(parts)};
}

TEST_F(RaftTransportTest, TheOnlyVoterSaysItselfWhereItIsNow) {
  here_->set_members("the cluster", reading_from("127.0.0.1:1", here_.address()));
  here_->send(kThere, false, "nobody there");
  there_.open();
  here_->learn(kThere, there_.address(), "the cluster");
  here_->send(kThere, false, "hello");
  std::string told = there_.told().next();
  if (told == "1 m nobody there") told = there_.told().next();  // it waited
  EXPECT_EQ(told, "1 m hello");
  // The members do not say so yet, and then they do.
  here_->set_members("the cluster", reading_from("127.0.0.1:1", here_.address()));
  EXPECT_EQ(here_.peer().address, there_.address());
  here_->set_members("the cluster", reading_from(there_.address(), here_.address()));
  here_->send(kThere, false, "again");
  EXPECT_EQ(there_.told().next(), "1 m again");
  EXPECT_THAT(there_.asked(), SizeIs(1));
}

TEST_F(RaftTransportTest, NobodyIsThisNodeOrNowhere) {
  here_->learn(kHere, there_.address(), "");
  here_->learn(kThere, "", "");
  EXPECT_THAT(here_->report(), IsEmpty());
}

// The end.

TEST_F(RaftTransportTest, NothingIsSentWhenItIsClosed) {
  connect();
  here_->close();
  here_->send(kThere, false, "too late");
  EXPECT_EQ(here_.told().next(), "2 unreachable");
  here_->learn(kElsewhere, there_.address(), "");
  EXPECT_THAT(here_->report(), IsEmpty());
}

TEST_F(RaftTransportTest, SendersAndChangesOfMembersGetAlong) {
  introduce();
  there_.open();
  here_.open();
  std::vector<std::thread> threads;
  for (End* from : {&here_, &there_}) {
    threads.emplace_back([from, to = from == &here_ ? kThere : kHere] {
      for (int i = 0; i < 300; i++) (*from)->send(to, i % 10 == 0, Bytes(1000, 'x'));
    });
  }
  threads.emplace_back([this] {
    for (int i = 0; i < 100; i++) {
      here_->set_members("the cluster", members({{kHere, here_.address()}}));
      introduce();
      (void)here_->report();
    }
  });
  for (std::thread& each : threads) each.join();
  here_->close();
}

}  // namespace
}  // namespace rqlite::cluster
