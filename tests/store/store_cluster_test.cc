#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <thread>

#include "base/mutex.h"
#include "base/worker.h"
#include "command/request.h"
#include "fakes/sim_file_system.h"
#include "fakes/sim_vfs.h"
#include "raft/message.h"
#include "sqlite/connection.h"
#include "sqlite/entry_vfs.h"
#include "store/file_sender.h"
#include "store/store.h"

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

class Wire;

// A member of the cluster, on a disk of its own.
struct Peer {
  Peer() {
    std::string pattern = ::testing::TempDir() + "peer-XXXXXX";
    directory = mkdtemp(pattern.data());
  }
  ~Peer() {
    store.reset();
    std::filesystem::remove_all(directory);
  }

  SimFileSystem files;
  SimVfs vfs{files};
  SystemClock clock;
  std::string directory;
  std::unique_ptr<raft::Transport> transport;
  std::unique_ptr<Store> store;
};

// Carries messages between stores of one process, and the content of snapshots beside them.
class Wire {
 public:
  ~Wire() { worker_.finish(); }

  void connect(raft::RaftId id, Peer* peer) {
    MutexLock lock(mutex_);
    peers_[id] = peer;
  }
  // Nothing is carried from or to it any more, once it returns.
  void disconnect(raft::RaftId id) {
    MutexLock lock(mutex_);
    peers_.erase(id);
    while (carrying_ > 0) carried_.wait(mutex_);
  }
  // Disconnects it when it sends so much in one message for the given time from now on.
  void disconnect_at(raft::RaftId id, std::size_t bytes, int times) {
    MutexLock lock(mutex_);
    breaks_ = {id, bytes, times};
  }
  void send(raft::RaftId from, raft::RaftId to, bool is_snapshot, BytesView message) {
    MutexLock lock(mutex_);
    Peer* sender = find(from);
    Peer* receiver = find(to);
    if (sender == nullptr) return;
    if (from == breaks_.id && message.size() >= breaks_.bytes && --breaks_.times_left == 0) {
      peers_.erase(from);
      return;
    }
    if (receiver == nullptr) {
      if (is_snapshot) sender->store->consensus().report_snapshot(to, false);
      return;
    }
    if (!is_snapshot) return receiver->store->deliver(from, Bytes(message));
    carrying_++;
    worker_.post([this, sender, receiver, to, bytes = Bytes(message)] {
      const bool arrived = carry(*sender, *receiver, to, bytes);
      if (arrived) snapshots_++;
      sender->store->consensus().report_snapshot(to, arrived);
      MutexLock done(mutex_);
      carrying_--;
      carried_.notify_all();
    });
  }
  [[nodiscard]] int snapshots() const { return snapshots_; }

 private:
  struct Breaks {
    raft::RaftId id{};
    std::size_t bytes = 0;
    int times_left = 0;
  };

  Peer* find(raft::RaftId id) REQUIRES(mutex_) {
    const auto found = peers_.find(id);
    return found == peers_.end() ? nullptr : found->second;
  }

  static bool carry(Peer& from, Peer& to, raft::RaftId to_id, const Bytes& message) {
    auto freezing = std::make_shared<std::promise<Result<std::unique_ptr<FrozenMain>>>>();
    from.store->freeze(5s, [freezing](Result<std::unique_ptr<FrozenMain>> done) {
      freezing->set_value(std::move(done));
    });
    Result<std::unique_ptr<FrozenMain>> frozen = freezing->get_future().get();
    if (!frozen.ok()) return false;
    from.store->consensus().keep_log_after(to_id, (*frozen)->record().index);
    ReceivedSnapshot received{(*frozen)->record(), {}, command::Replacement()};
    const OutcomeJournal::Extent& kept = received.record.state.journal;
    if (kept.sequence != 0) {
      const Bytes journal =
          *from.files.read_file(OutcomeJournal::file_of(from.store->paths().raft(), kept));
      EXPECT_TRUE(OutcomeJournal::read_records(
          journal, kept, [&](OutcomeRecord each) { received.kept.push_back(std::move(each)); }));
    }
    Bytes content(*(*frozen)->size(), '\0');
    EXPECT_EQ(*(*frozen)->read(0, content.data(), content.size()), content.size());
    received.file->bytes = content.size();
    auto file =
        to.files.open(to.store->new_aside(*received.file), FileSystem::Open::kCreateOrTruncate);
    EXPECT_TRUE((*file)->write(0, content).ok());
    EXPECT_TRUE((*file)->sync_data().ok());
    EXPECT_TRUE(to.files.sync_directory(to.store->paths().set_aside()).ok());
    auto installed = std::make_shared<std::promise<bool>>();
    to.store->install(std::move(received), message,
                      [installed](bool done) { installed->set_value(done); });
    return installed->get_future().get();
  }

  Mutex mutex_;
  std::map<raft::RaftId, Peer*> peers_ GUARDED_BY(mutex_);
  Breaks breaks_ GUARDED_BY(mutex_);
  CondVar carried_;
  int carrying_ GUARDED_BY(mutex_) = 0;  // snapshots that were sent and have not ended
  std::atomic<int> snapshots_{0};
  Worker worker_{"wire"};
};

class WireEnd final : public raft::Transport {
 public:
  explicit WireEnd(Wire& wire) : wire_(wire) {}
  void send(raft::RaftId to, bool is_snapshot, BytesView message) override {
    // Who sends is in the message: the end is made before its store, which knows its id.
    wire_.send(raft::peek_message(message)->from, to, is_snapshot, message);
  }

 private:
  Wire& wire_;
};

class PromisedStatus final : public Write {
 public:
  explicit PromisedStatus(std::promise<Status> to) : to_(std::move(to)) {}
  void applied(raft::Index, std::vector<command::RequestResult>) override { to_.set_value({}); }
  void failed(const Status& why) override { to_.set_value(why); }

 private:
  std::promise<Status> to_;
};

class PromisedCount final : public QuerySink {
 public:
  explicit PromisedCount(std::promise<std::string> to) : to_(std::move(to)) {}
  void begin(bool) override {}
  void columns(std::vector<std::string>, std::vector<std::string>) override {}
  bool row(std::span<const sqlite::ValueView> values) override {
    text_ = std::to_string(values.front().integer);
    return true;
  }
  void done(double) override {}
  void failed(std::string error) override { text_ = std::move(error); }
  void finished(const Status& status, raft::Index) override {
    to_.set_value(status.ok() ? text_ : status.text());
  }

 private:
  std::promise<std::string> to_;
  std::string text_;
};

class StoreClusterTest : public ::testing::Test {
 protected:
  void TearDown() override {
    for (Peer& peer : peers_) {
      if (!peer.store) continue;
      wire_.disconnect(peer.store->raft_id());
      peer.store->close(0s);
    }
  }

  void open(Peer& peer, const std::string& name, bool founds) {
    peer.transport = std::make_unique<WireEnd>(wire_);
    Store::Options options;
    options.directory = peer.directory;
    options.node_id = name;
    options.raft_address = name + ":4002";
    options.base_vfs = peer.vfs.name();
    options.founds = founds;
    options.transport = peer.transport.get();
    options.consensus.heartbeat_timeout = options.consensus.election_timeout = 500ms;
    options.consensus.lease_timeout = 500ms;
    options.consensus.log_segment_bytes = 64 * 1024;
    options.snapshots.entries_max = 20;
    options.snapshots.interval = 10ms;
    options.on_failure = [](const Status& why) { ADD_FAILURE() << why.text(); };
    auto store = Store::open(std::move(options), peer.files, peer.clock);
    ASSERT_TRUE(store.ok()) << store.error().text();
    peer.store = std::move(*store);
    wire_.connect(peer.store->raft_id(), &peer);
  }
  Peer& make(const std::string& name, bool founds = false) {
    open(peers_.emplace_back(), name, founds);
    return peers_.back();
  }

  // Tries again while the core has not heard yet that the change before is applied.
  static Status change(Store& leader, raft::ChangeKind kind, const MembershipChange& change) {
    Status status(Code::kUnavailable, "");
    while (status.code() == Code::kUnavailable) {
      auto done = std::make_shared<std::promise<Status>>();
      leader.change_members(kind, change, [done](const Status& each) { done->set_value(each); });
      status = done->get_future().get();
    }
    return status;
  }
  static MembershipChange entry_of(const Peer& peer) {
    return {peer.store->raft_id(),
            {peer.store->options().node_id, peer.store->options().raft_address}};
  }
  // As a learner first, as a voter once it has caught up.
  static Status add(Store& leader, Peer& peer) {
    RETURN_IF_ERROR(change(leader, raft::ChangeKind::kAddLearner, entry_of(peer)));
    while (peer.store->report().applied < leader.report().applied) std::this_thread::yield();
    return change(leader, raft::ChangeKind::kAddVoter, entry_of(peer));
  }

  static Status write(Store& store, const std::string& sql) {
    Bytes batch;
    command::RequestBuilder(batch, {}).begin_statement(sql);
    std::promise<Status> promise;
    std::future<Status> status = promise.get_future();
    store.write(std::move(batch), std::make_unique<PromisedStatus>(std::move(promise)));
    return status.get();
  }
  // By whoever leads, by the next one if that ended: a slow machine may have elections in between.
  void create_table() {
    while (!write(leader(), "CREATE TABLE IF NOT EXISTS t(v)").ok()) {
    }
  }
  // Loads a database with so many rows in t, of 1 KB each.
  static Status load(Peer& peer, int rows) {
    const std::string path = peer.store->scratch_path();
    {
      sqlite::EntryVfs entry_vfs(peer.vfs.name());
      auto made = sqlite::Connection::open_writer(path, entry_vfs, false);
      const std::string insert =
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < " +
          std::to_string(rows) + ") INSERT INTO t SELECT hex(zeroblob(500)) FROM n";
      EXPECT_TRUE((*made)->execute("CREATE TABLE t(v)").ok());
      EXPECT_TRUE((*made)->execute(insert).ok());
      EXPECT_TRUE((*made)->checkpoint_passive().ok());
    }
    std::promise<Status> promise;
    std::future<Status> status = promise.get_future();
    peer.store->replace_database(path, std::make_unique<PromisedStatus>(std::move(promise)));
    return status.get();
  }
  static std::string count(Store& store, Level level) {
    Query query;
    command::RequestBuilder(query.request, {}).begin_statement("SELECT count(*) FROM t");
    query.level = level;
    std::promise<std::string> promise;
    std::future<std::string> text = promise.get_future();
    store.query(std::move(query), std::make_unique<PromisedCount>(std::move(promise)));
    return text.get();
  }
  static void wait_until(const std::function<bool()>& what) {
    while (!what()) std::this_thread::yield();
  }
  static void wait_for_applied(Store& store, Store& leader) {
    wait_until([&] { return store.report().applied >= leader.report().applied; });
  }
  // The one that leads of those that are connected.
  Store& leader() {
    while (true) {
      for (Peer& peer : peers_) {
        if (peer.store && peer.store->may_write().ok() && peer.store->is_ready())
          return *peer.store;
      }
      std::this_thread::yield();
    }
  }

  Wire wire_;
  std::list<Peer> peers_;
};

TEST_F(StoreClusterTest, MembersJoinAndHoldTheSame) {
  Peer& first = make("n1", true);
  create_table();
  for (int i = 0; i < 50; i++) ASSERT_TRUE(write(leader(), "INSERT INTO t VALUES(1)").ok());
  for (const char* name : {"n2", "n3"}) {
    Peer& peer = make(name);
    EXPECT_TRUE(peer.store->waits());
    ASSERT_EQ(add(*first.store, peer).text(), "");
    EXPECT_FALSE(peer.store->waits());
    EXPECT_EQ(peer.store->cluster_id(), first.store->cluster_id());
  }
  wait_until([&] { return wire_.snapshots() >= 2; });  // the wire counts behind the arrival
  EXPECT_EQ(wire_.snapshots(), 2);
  ASSERT_TRUE(write(*first.store, "INSERT INTO t VALUES(1)").ok());
  EXPECT_EQ(count(*first.store, Level::kLinearizable), "51");
  EXPECT_EQ(count(*first.store, Level::kStrong), "51");
  for (Peer& peer : peers_) {
    wait_for_applied(*peer.store, *first.store);
    EXPECT_EQ(count(*peer.store, Level::kNone), "51");
    EXPECT_EQ(peer.store->membership().voters(), 3u);
    EXPECT_EQ(peer.store->leader()->member.node_id, "n1");
  }
  EXPECT_EQ(write(*peers_.back().store, "INSERT INTO t VALUES(1)").code(), Code::kNotLeader);
}

TEST_F(StoreClusterTest, FoundersBeginTogether) {
  std::map<raft::RaftId, Member> founders;
  for (const char* name : {"n1", "n2", "n3"}) {
    Peer& peer = make(name);
    founders.emplace(peer.store->raft_id(), entry_of(peer).member);
  }
  for (Peer& peer : peers_) peer.store->found("a cluster", founders, &peer == &peers_.back());
  create_table();
  for (Peer& peer : peers_) {
    wait_until([&] { return peer.store->leader().has_value(); });
    EXPECT_EQ(peer.store->cluster_id(), "a cluster");
    EXPECT_EQ(peer.store->membership().voters(), 3u);
  }
}

// The first one asks for votes, and sends its snapshot, before the others have begun.
TEST_F(StoreClusterTest, AFounderMayHaveVotedForAnotherOneBefore) {
  std::map<raft::RaftId, Member> founders;
  for (const char* name : {"n1", "n2", "n3"}) {
    Peer& peer = make(name);
    founders.emplace(peer.store->raft_id(), entry_of(peer).member);
  }
  Store& first = *peers_.front().store;
  first.found("a cluster", founders, true);
  for (Peer& peer : peers_) {
    wait_until([&] { return peer.store->report().raft.term > raft::Term(1); });
  }
  wire_.disconnect(first.raft_id());
  for (Peer& peer : peers_) {
    if (peer.store.get() != &first) {
      peer.store->found("a cluster", founders, &peer == &peers_.back());
    }
  }
  Store& last = *peers_.back().store;
  wait_until([&] {
    const auto leader = last.leader();
    return leader && leader->id != first.raft_id();
  });
  wire_.connect(first.raft_id(), &peers_.front());
  create_table();
  for (Peer& peer : peers_) {
    wait_until([&] { return peer.store->leader().has_value(); });
    EXPECT_EQ(peer.store->membership().voters(), 3u);
  }
}

TEST_F(StoreClusterTest, AMemberThatWasGoneForLongTakesASnapshotAndGoesOn) {
  Peer& first = make("n1", true);
  create_table();
  Peer& second = make("n2");
  Peer& third = make("n3");
  ASSERT_TRUE(add(*first.store, second).ok());
  ASSERT_TRUE(add(*first.store, third).ok());
  wire_.disconnect(third.store->raft_id());
  third.store->close(0s);
  third.store.reset();
  // More than stays in the log.
  for (int i = 0; i < 300; i++) {
    ASSERT_TRUE(write(*first.store, "INSERT INTO t VALUES(hex(randomblob(2000)))").ok());
  }
  ASSERT_NO_FATAL_FAILURE(open(third, "n3", false));
  wait_for_applied(*third.store, *first.store);
  EXPECT_EQ(count(*third.store, Level::kNone), "300");

  // And leadership moves to it. A member that has just heard of its own admission does not
  // campaign.
  wait_until([&] {
    if (!first.store->report().raft.transferring) {
      first.store->consensus().transfer(third.store->raft_id());
    }
    return third.store->may_write().ok();
  });
  ASSERT_TRUE(write(*third.store, "INSERT INTO t VALUES(1)").ok());
  wait_for_applied(*first.store, *third.store);
  EXPECT_EQ(count(*first.store, Level::kNone), "301");
}

TEST_F(StoreClusterTest, ADatabaseThatIsLoadedComesToAllMembers) {
  Peer& first = make("n1", true);
  create_table();
  ASSERT_TRUE(write(leader(), "INSERT INTO t VALUES(1)").ok());
  Peer& second = make("n2");
  Peer& third = make("n3");
  ASSERT_TRUE(add(*first.store, second).ok());
  ASSERT_TRUE(add(*first.store, third).ok());
  wire_.disconnect(third.store->raft_id());
  ASSERT_EQ(load(first, 2000).text(), "");
  EXPECT_EQ(count(*first.store, Level::kLinearizable), "2000");
  ASSERT_TRUE(write(*first.store, "INSERT INTO t VALUES(1)").ok());
  wait_for_applied(*second.store, *first.store);
  EXPECT_EQ(count(*second.store, Level::kNone), "2001");

  // One that was away gets it, too, by whatever way.
  wire_.connect(third.store->raft_id(), &third);
  wait_for_applied(*third.store, *first.store);
  EXPECT_EQ(count(*third.store, Level::kNone), "2001");

  // And it stays.
  wire_.disconnect(second.store->raft_id());
  second.store->close(0s);
  second.store.reset();
  ASSERT_NO_FATAL_FAILURE(open(second, "n2", false));
  wait_for_applied(*second.store, *first.store);
  EXPECT_EQ(count(*second.store, Level::kNone), "2001");
  for (Peer& peer : peers_) {
    EXPECT_TRUE(peer.files.list(peer.store->paths().set_aside())->empty());
  }
}

TEST_F(StoreClusterTest, ADatabaseThatALeaderCannotPassOnChangesNothing) {
  Peer& first = make("n1", true);
  create_table();
  ASSERT_TRUE(add(*first.store, make("n2")).ok());
  ASSERT_TRUE(add(*first.store, make("n3")).ok());
  // Some pieces have come to all of them by then.
  wire_.disconnect_at(first.store->raft_id(), FileSender::kPieceBytes, 5);
  const Status status = load(first, 4000);
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.text();
  EXPECT_NE(status.text().find("the database was not loaded"), std::string::npos) << status.text();
  Store& next = leader();
  wire_.connect(first.store->raft_id(), &first);
  ASSERT_TRUE(write(next, "INSERT INTO t VALUES(1)").ok());
  wait_for_applied(*first.store, next);
  EXPECT_EQ(count(*first.store, Level::kNone), "1");
  for (Peer& peer : peers_) {
    wait_until([&] { return peer.files.list(peer.store->paths().set_aside())->empty(); });
  }
}

// Such as one whose disk was full, so that it had no room for saying so.
TEST_F(StoreClusterTest, ALeaderThatCouldNotGiveALoadUpDoesSoLater) {
  Peer& first = make("n1", true);
  create_table();
  Peer& second = make("n2");
  ASSERT_TRUE(add(*first.store, second).ok());
  const raft::Term term = first.store->report().raft.term;
  std::promise<Status> promise;
  std::future<Status> status = promise.get_future();
  first.store->consensus().propose(std::make_unique<WriteProposal>(
      command::encode_command(command::Piece{7, 0, "the beginning"}, {}),
      std::make_unique<PromisedStatus>(std::move(promise))));
  EXPECT_TRUE(status.get().ok());
  wait_for_applied(*second.store, *first.store);
  for (Peer& peer : peers_) {
    wait_until([&] { return peer.files.list(peer.store->paths().set_aside())->empty(); });
  }
  EXPECT_EQ(first.store->report().raft.term, term);
  EXPECT_EQ(load(first, 2000).text(), "");
  EXPECT_EQ(count(*first.store, Level::kLinearizable), "2000");
}

TEST_F(StoreClusterTest, ARemovedMemberHasNoLeader) {
  Peer& first = make("n1", true);
  create_table();
  Peer& second = make("n2");
  ASSERT_TRUE(add(*first.store, second).ok());
  ASSERT_TRUE(change(*first.store, raft::ChangeKind::kRemove, entry_of(second)).ok());
  EXPECT_EQ(first.store->membership().entries().size(), 1u);
  ASSERT_TRUE(write(*first.store, "INSERT INTO t VALUES(1)").ok());
  wait_until([&] { return !second.store->leader().has_value(); });
  EXPECT_EQ(write(*second.store, "INSERT INTO t VALUES(1)").code(), Code::kNoLeader);
  EXPECT_EQ(count(*second.store, Level::kNone), "0");
}

TEST_F(StoreClusterTest, ALeaderThatIsCutOffStepsDown) {
  Peer& first = make("n1", true);
  create_table();
  ASSERT_TRUE(add(*first.store, make("n2")).ok());
  ASSERT_TRUE(add(*first.store, make("n3")).ok());
  wire_.disconnect(first.store->raft_id());
  const std::uint64_t confirmed = first.store->report().reads.confirmations;
  EXPECT_EQ(count(*first.store, Level::kLinearizable), "leader not found");
  EXPECT_EQ(first.store->report().reads.confirmations, confirmed + 1);
  EXPECT_EQ(first.store->report().reads.failed_confirmations, 1U);
}

TEST_F(StoreClusterTest, WhatALeaderThatIsCutOffTookInIsUnknown) {
  Peer& first = make("n1", true);
  create_table();
  ASSERT_TRUE(add(*first.store, make("n2")).ok());
  ASSERT_TRUE(add(*first.store, make("n3")).ok());
  wire_.disconnect(first.store->raft_id());
  const Status status = write(*first.store, "INSERT INTO t VALUES(1)");
  EXPECT_EQ(status.code(), Code::kUnknown);
  EXPECT_EQ(status.text(), "leadership lost while committing log");
  wait_until([&] { return !first.store->leader().has_value(); });
  Store& next = leader();
  ASSERT_NE(&next, first.store.get());
  ASSERT_TRUE(write(next, "INSERT INTO t VALUES(1)").ok());
  wire_.connect(first.store->raft_id(), &first);
  wait_for_applied(*first.store, next);
  EXPECT_EQ(count(*first.store, Level::kNone), "1");
}

}  // namespace
}  // namespace rqlite::store
