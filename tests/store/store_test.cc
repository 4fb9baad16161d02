#include "store/store.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <deque>
#include <filesystem>
#include <functional>
#include <future>

#include "base/mutex.h"
#include "command/request.h"
#include "fakes/sim_file_system.h"
#include "fakes/sim_vfs.h"

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

struct Outcome {
  Status status;
  command::RequestResult result;
  std::uint64_t index = 0;
};

class PromisedWrite final : public Write {
 public:
  explicit PromisedWrite(std::promise<Outcome> to) : to_(std::move(to)) {}
  void applied(raft::Index index, std::vector<command::RequestResult> results) override {
    Outcome outcome;
    outcome.index = index.value();
    if (!results.empty()) outcome.result = std::move(results.front());
    to_.set_value(std::move(outcome));
  }
  void failed(const Status& why) override { to_.set_value({why, {}, 0}); }

 private:
  std::promise<Outcome> to_;
};

// Collects one integer: the first value of the last row.
class PromisedNumber : public QuerySink {
 public:
  explicit PromisedNumber(std::promise<std::string> to) : to_(std::move(to)) {}
  void begin(bool) override { text_.clear(); }
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

// What was posted to a thread that asks, such as a server's: the test runs it when it likes.
class Desk {
 public:
  void post(std::function<void()> work) {
    MutexLock lock(mutex_);
    works_.push_back(std::move(work));
    posted_.notify_one();
  }
  std::size_t waiting() {
    MutexLock lock(mutex_);
    return works_.size();
  }
  void run_next() {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      while (works_.empty()) posted_.wait(mutex_);
      work = std::move(works_.front());
      works_.pop_front();
    }
    work();
  }

 private:
  Mutex mutex_;
  CondVar posted_;
  std::deque<std::function<void()>> works_ GUARDED_BY(mutex_);
};

class NumberAtDesk final : public PromisedNumber {
 public:
  NumberAtDesk(Desk& desk, std::promise<std::string> to)
      : PromisedNumber(std::move(to)), desk_(desk) {}
  bool post(std::function<void()> work) override {
    desk_.post(std::move(work));
    return true;
  }

 private:
  Desk& desk_;
};

// A store on a simulated disk, with its real threads. The directory exists for real too, because
// the lock on it is the operating system's.
class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "store-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    open();
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  void open() {
    Store::Options options;
    options.directory = directory_;
    options.node_id = "n1";
    options.raft_address = "localhost:4002";
    options.base_vfs = vfs_.name();
    options.consensus.log_segment_bytes = 64 * 1024;
    options.on_failure = [this](const Status& why) { failure_.set_value(why); };
    failure_ = {};
    auto store = Store::open(std::move(options), files_, clock_);
    ASSERT_TRUE(store.ok()) << store.error().text();
    store_ = std::move(*store);
    // The first read that must see everything waits until the node leads.
    while (!store_->is_ready()) std::this_thread::yield();
  }
  void restart(std::chrono::nanoseconds patience) {
    store_->close(patience);
    store_.reset();
    open();
  }

  static Bytes batch_of(const std::string& sql) {
    Bytes batch;
    command::RequestBuilder(batch, {}).begin_statement(sql);
    return batch;
  }
  std::future<Outcome> start_write(const std::string& sql) {
    Bytes batch = batch_of(sql);
    std::promise<Outcome> promise;
    std::future<Outcome> outcome = promise.get_future();
    store_->write(std::move(batch), std::make_unique<PromisedWrite>(std::move(promise)));
    return outcome;
  }
  Outcome write(const std::string& sql) { return start_write(sql).get(); }
  // As another member forwards it; `timeout` 0: none.
  Outcome forward(Bytes batch, const command::Origin& origin, std::chrono::nanoseconds timeout) {
    std::promise<Outcome> promise;
    std::future<Outcome> outcome = promise.get_future();
    auto waiting = std::make_unique<PromisedWrite>(std::move(promise));
    if (timeout == 0s) {
      store_->write(std::move(batch), origin, std::move(waiting));
    } else {
      store_->write_within(timeout, std::move(batch), origin, std::move(waiting));
    }
    return outcome.get();
  }

  static Query query_of(const std::string& sql, Level level) {
    Query query;
    command::RequestBuilder(query.request, {}).begin_statement(sql);
    query.level = level;
    return query;
  }
  std::string read(const std::string& sql, Level level) {
    std::promise<std::string> promise;
    std::future<std::string> text = promise.get_future();
    store_->query(query_of(sql, level), std::make_unique<PromisedNumber>(std::move(promise)));
    return text.get();
  }
  std::future<std::string> start_read(Desk& desk, const std::string& sql) {
    std::promise<std::string> promise;
    std::future<std::string> text = promise.get_future();
    store_->query(query_of(sql, Level::kLinearizable),
                  std::make_unique<NumberAtDesk>(desk, std::move(promise)));
    return text;
  }

  SimFileSystem files_;
  SimVfs vfs_{files_};
  SystemClock clock_;
  std::string directory_;
  std::promise<Status> failure_;
  std::unique_ptr<Store> store_;
};

constexpr Level kLevels[] = {Level::kNone, Level::kWeak, Level::kLinearizable, Level::kStrong};

TEST_F(StoreTest, EveryLevelSeesWhatWasAcknowledged) {
  ASSERT_TRUE(write("CREATE TABLE t(v)").status.ok());
  for (int i = 1; i <= 5; i++) {
    ASSERT_TRUE(write("INSERT INTO t VALUES(1)").status.ok());
    for (Level level : kLevels) EXPECT_EQ(read("SELECT count(*) FROM t", level), std::to_string(i));
  }
}

TEST_F(StoreTest, LinearizableReadsOfOneTurnGoTogether) {
  Desk desk;
  std::future<std::string> first = start_read(desk, "SELECT 1");
  std::future<std::string> second = start_read(desk, "SELECT 2");
  EXPECT_EQ(desk.waiting(), 1u);
  // The way there, and one way back for each.
  for (int i = 0; i < 3; i++) desk.run_next();
  EXPECT_EQ(first.get(), "1");
  EXPECT_EQ(second.get(), "2");
  std::future<std::string> third = start_read(desk, "SELECT 3");
  for (int i = 0; i < 2; i++) desk.run_next();
  EXPECT_EQ(third.get(), "3");
}

TEST_F(StoreTest, ReadsThatAreStillGatheredFailWithTheStore) {
  Desk desk;
  std::future<std::string> text = start_read(desk, "SELECT 1");
  store_->close(0s);
  EXPECT_EQ(text.get(), "store not open");
  desk.run_next();
}

TEST_F(StoreTest, RestartsFromTheLogAloneAndFromASnapshot) {
  ASSERT_TRUE(write("CREATE TABLE t(v)").status.ok());
  ASSERT_TRUE(write("INSERT INTO t VALUES(1)").status.ok());
  restart(0s);
  EXPECT_EQ(store_->report().snapshot_index.value(), 1u);
  EXPECT_EQ(read("SELECT count(*) FROM t", Level::kWeak), "1");
  restart(10s);
  EXPECT_GT(store_->report().snapshot_index.value(), 1u);
  EXPECT_EQ(read("SELECT count(*) FROM t", Level::kWeak), "1");
}

TEST_F(StoreTest, AForwardedWriteIsAppliedOnceHoweverItComesAgain) {
  ASSERT_TRUE(write("CREATE TABLE t(id INTEGER PRIMARY KEY, v)").status.ok());
  const command::Origin origin{store_->raft_id().value(), 100, 1, 1};
  const Bytes batch = batch_of("INSERT INTO t(v) VALUES(1)");
  const Outcome first = forward(batch, origin, 0s);
  ASSERT_TRUE(first.status.ok()) << first.status.text();
  const auto is_first = [&](const Outcome& outcome) {
    return outcome.status.ok() && outcome.index == first.index &&
           outcome.result.statements.size() == 1 &&
           outcome.result.statements[0].last_insert_id == 1;
  };
  EXPECT_TRUE(is_first(forward(batch, origin, 0s)));
  // It need not run in time again.
  EXPECT_TRUE(is_first(forward(batch, origin, 10s)));
  EXPECT_TRUE(is_first(forward(batch, origin, 1ns)));
  restart(0s);
  EXPECT_TRUE(is_first(forward(batch, origin, 0s)));
  restart(10s);
  EXPECT_TRUE(is_first(forward(batch, origin, 0s)));
  EXPECT_EQ(read("SELECT count(*) FROM t", Level::kStrong), "1");
  // Another one, within its time.
  command::Origin next = origin;
  next.number = next.answered_below = 2;
  EXPECT_EQ(forward(batch, next, 10s).result.statements.at(0).last_insert_id, 2);
  EXPECT_EQ(forward(batch, next, 10s).result.statements.at(0).last_insert_id, 2);
  EXPECT_EQ(forward(batch, origin, 0s).status.code(), Code::kUnknown);
  EXPECT_EQ(read("SELECT count(*) FROM t", Level::kStrong), "2");
}

// A batch of this node's queue that is sent again, because nobody knew what had become of it.
TEST_F(StoreTest, ACopyOfABatchHearsWhatItsKeysAndItsFailuresWere) {
  ASSERT_TRUE(write("CREATE TABLE t(id INTEGER PRIMARY KEY, v)").status.ok());
  const auto queued = [this](const std::string& sql, BytesView key, std::uint64_t number) {
    Bytes batch;
    command::RequestBuilder(batch, {}, key).begin_statement(sql);
    std::promise<Outcome> promise;
    std::future<Outcome> outcome = promise.get_future();
    store_->write(std::move(batch), 1, number, std::make_unique<PromisedWrite>(std::move(promise)));
    return outcome.get();
  };
  for (int copy = 0; copy < 3; copy++) {
    const Outcome keyed = queued("INSERT INTO t(v) VALUES(1)", "key", 1);
    ASSERT_EQ(keyed.result.statements.size(), 1u) << copy;
    EXPECT_EQ(keyed.result.statements[0].last_insert_id, 1);
    EXPECT_EQ(keyed.result.key, command::RequestResult::Key::kFirst);
    EXPECT_EQ(queued("INSERT INTO t(v) VALUES(2)", "key", 2).result.key,
              command::RequestResult::Key::kReused);
    EXPECT_EQ(queued("INSERT INTO nowhere VALUES(1)", "", 3).result.statements.at(0).error,
              "no such table: nowhere");
    const Outcome plain = queued("INSERT INTO t(v) VALUES(3)", "", 4);
    EXPECT_TRUE(plain.status.ok() && plain.result.ok());
    EXPECT_EQ(plain.result.statements.size(), copy == 0 ? 1u : 0u);  // it is not kept
    if (copy == 1) restart(10s);
  }
  EXPECT_EQ(read("SELECT count(*) FROM t", Level::kStrong), "2");
}

TEST_F(StoreTest, ABatchOfAnEarlierStartIsNotAppliedAfterOneOfALater) {
  ASSERT_TRUE(write("CREATE TABLE t(v)").status.ok());
  const auto queued = [this](std::uint64_t epoch, std::uint64_t number) {
    std::promise<Outcome> promise;
    std::future<Outcome> outcome = promise.get_future();
    store_->write(batch_of("INSERT INTO t VALUES(1)"), epoch, number,
                  std::make_unique<PromisedWrite>(std::move(promise)));
    return outcome.get().status.code();
  };
  EXPECT_EQ(queued(1, 1), Code::kOk);
  EXPECT_EQ(queued(10, 10), Code::kOk);
  EXPECT_EQ(queued(1, 2), Code::kUnavailable);
  restart(10s);
  EXPECT_EQ(queued(1, 2), Code::kUnavailable);
  EXPECT_EQ(queued(10, 11), Code::kOk);
  EXPECT_EQ(read("SELECT count(*) FROM t", Level::kStrong), "3");
}

// An entry that cannot be read would stop every member.
TEST_F(StoreTest, WhatIsNotOneWriteIsNotTakenFromAnotherMember) {
  const std::uint64_t id = store_->raft_id().value();
  const command::Origin origin{id, 100, 1, 1};
  const Bytes one = batch_of("SELECT 1");
  Bytes malformed;
  protozero::pbf_writer(malformed).add_string(command::kRequestField, "\xff");
  Bytes truncated;
  protozero::pbf_writer(truncated).add_string(command::kRequestField, "\x12\x7f");
  for (const Bytes& batch : {Bytes(), Bytes("?"), one + one, malformed, truncated,
                             command::encode_command(one, {}, origin),
                             command::encode_command(one, {}, command::StreamPlace{"n1", 1, 1}),
                             command::encode_command(command::Replacement{1, 1}, {}) + one}) {
    for (const auto timeout : {0s, 10s}) {
      EXPECT_EQ(forward(batch, origin, timeout).status.code(), Code::kInvalid);
    }
  }
  EXPECT_EQ(forward(one, {id, 100, 1, 2}, 0s).status.code(), Code::kInvalid);
  EXPECT_TRUE(forward(one, origin, 0s).status.ok());
}

TEST_F(StoreTest, ASecondStoreOnTheSameDirectoryIsRefused) {
  Store::Options options;
  options.directory = directory_;
  options.base_vfs = vfs_.name();
  auto second = Store::open(std::move(options), files_, clock_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Code::kUnavailable);
}

TEST_F(StoreTest, AFailedSyncStopsTheNodeAndLosesNothing) {
  ASSERT_TRUE(write("CREATE TABLE t(v)").status.ok());
  ASSERT_TRUE(write("INSERT INTO t VALUES(1)").status.ok());
  files_.fail_sync_after(0);
  const Outcome outcome = write("INSERT INTO t VALUES(2)");
  EXPECT_FALSE(outcome.status.ok());
  EXPECT_EQ(failure_.get_future().get().code(), Code::kFailed);
  EXPECT_EQ(write("INSERT INTO t VALUES(3)").status.code(), Code::kFailed);
  // The process would end here.
  store_->close(0s);
  store_.reset();
  open();
  // The second insert was never acknowledged: it may be there or not.
  const std::string count = read("SELECT count(*) FROM t", Level::kStrong);
  EXPECT_TRUE(count == "1" || count == "2") << count;
}

TEST_F(StoreTest, AFullDiskRefusesWritesAndServesReadsUntilThereIsRoom) {
  ASSERT_TRUE(write("CREATE TABLE t(v)").status.ok());
  files_.set_capacity(files_.used_bytes() + 4096);
  // Some go through before the disk is full, and one may be in the log by then; the next is
  // refused.
  int stored = 0;
  int unknown = 0;
  Status refused;
  while (refused.ok()) {
    const Outcome outcome = write("INSERT INTO t VALUES(hex(zeroblob(2000)))");
    if (outcome.status.ok()) stored++;
    if (outcome.status.code() == Code::kUnknown) unknown++;
    if (outcome.status.code() == Code::kDiskFull) refused = outcome.status;
    ASSERT_LT(stored, 200);
  }
  EXPECT_EQ(refused.text(), "disk is full");
  EXPECT_EQ(read("SELECT count(*) FROM t", Level::kNone), std::to_string(stored));
  files_.set_capacity(std::nullopt);
  // What was in the log already is applied now; then new writes are taken again.
  while (!write("INSERT INTO t VALUES('room')").status.ok()) std::this_thread::yield();
  EXPECT_EQ(read("SELECT count(*) FROM t", Level::kStrong), std::to_string(stored + unknown + 1));
}

// Whatever the snapshot's helper is at by then.
TEST_F(StoreTest, ClosesInTheMidstOfASnapshot) {
  ASSERT_TRUE(write("CREATE TABLE t(v)").status.ok());
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < 3; i++) {
      ASSERT_TRUE(write("INSERT INTO t VALUES(hex(randomblob(600000)))").status.ok());
    }
    store_->snapshot(std::nullopt, [](const Snapshotter::Outcome&) {});
    (void)read("SELECT count(*) FROM t", Level::kStrong);
    restart(0s);
  }
  EXPECT_EQ(read("SELECT count(*) FROM t", Level::kStrong), "60");
}

TEST_F(StoreTest, SnapshotsGoOnBesideWritesAndReaders) {
  ASSERT_TRUE(write("CREATE TABLE t(v)").status.ok());
  std::vector<std::future<Outcome>> writes;
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < 50; i++) {
      writes.push_back(start_write("INSERT INTO t VALUES(hex(randomblob(1000)))"));
    }
    std::promise<Status> promise;
    std::future<Status> taken = promise.get_future();
    store_->snapshot(std::nullopt, [&](const Snapshotter::Outcome& outcome) {
      promise.set_value(outcome.status);
    });
    read("SELECT count(*) FROM t", Level::kNone);
    const Status status = taken.get();
    EXPECT_TRUE(status.ok() || status.code() == Code::kUnavailable) << status.text();
  }
  for (std::future<Outcome>& each : writes) EXPECT_TRUE(each.get().status.ok());
  restart(0s);
  EXPECT_EQ(read("SELECT count(*) FROM t", Level::kStrong), "500");
}

}  // namespace
}  // namespace rqlite::store
