#include "store/reader_pool.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "fakes/no_threads.h"
#include "fakes/sim_file_system.h"
#include "fakes/sim_vfs.h"
#include "sqlite/entry_vfs.h"

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

class ReaderPoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(files_.make_directories("/data").ok());
    auto writer = sqlite::Connection::open_writer("/data/db", entry_vfs_, false);
    ASSERT_TRUE(writer.ok());
    writer_ = std::move(*writer);
    ASSERT_TRUE(writer_->execute("CREATE TABLE t(a); INSERT INTO t VALUES(1)").ok());
    open(2);
  }
  void TearDown() override { pool_.reset(); }

  void open(std::size_t connections_max, std::chrono::seconds idle_max = 30s) {
    pool_ = std::make_unique<ReaderPool>(ReaderPool::Options{.path = "/data/db",
                                                             .base_vfs = vfs_.name(),
                                                             .connections_max = connections_max,
                                                             .idle_max = idle_max});
  }

  // The first value that `sql` gives.
  static std::string value(const ReaderPool::Reader& reader, std::string_view sql) {
    sqlite::Error error;
    sqlite::Statement statement = reader.connection().prepare(sql, false, error);
    if (!error.ok() || statement.step(error) != sqlite::Statement::Step::kRow) return error.text;
    return std::to_string(statement.column(0).integer);
  }

  // A job that runs until it may end. Both it and the test hold on to what they share.
  struct Held {
    std::promise<Status> running;
    std::promise<void> may_end;
    std::shared_future<void> end = may_end.get_future().share();
  };
  std::shared_ptr<Held> hold() {
    auto held = std::make_shared<Held>();
    pool_->submit([held](const Result<ReaderPool::Reader>& reader) {
      held->running.set_value(reader.ok() ? Status() : reader.error());
      held->end.wait();
    });
    EXPECT_TRUE(held->running.get_future().get().ok());
    return held;
  }
  // How a job that only looks at its reader ends.
  std::future<Status> submit() {
    auto done = std::make_shared<std::promise<Status>>();
    pool_->submit([done](const Result<ReaderPool::Reader>& reader) {
      done->set_value(reader.ok() ? Status() : reader.error());
    });
    return done->get_future();
  }

  SimFileSystem files_;
  SimVfs vfs_{files_};
  sqlite::EntryVfs entry_vfs_{vfs_.name()};
  std::unique_ptr<sqlite::Connection> writer_;
  std::unique_ptr<ReaderPool> pool_;
};

TEST_F(ReaderPoolTest, AReaderReadsAndDoesNotWrite) {
  const std::optional<ReaderPool::Reader> reader = pool_->try_take();
  ASSERT_TRUE(reader);
  EXPECT_EQ(value(*reader, "SELECT a FROM t"), "1");
  EXPECT_EQ(value(*reader, "INSERT INTO t VALUES(2) RETURNING a"),
            "attempt to write a readonly database");
}

TEST_F(ReaderPoolTest, NoMoreAreTakenThanAllowed) {
  std::optional<ReaderPool::Reader> first = pool_->try_take();
  const std::optional<ReaderPool::Reader> second = pool_->try_take();
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(pool_->try_take());
  EXPECT_EQ(pool_->counts().in_use, 2u);
  first.reset();
  EXPECT_EQ(pool_->counts().in_use, 1u);
  EXPECT_TRUE(pool_->try_take());
}

TEST_F(ReaderPoolTest, AJobWaitsForAReaderThatSomebodyTook) {
  open(1);
  std::optional<ReaderPool::Reader> taken = pool_->try_take();
  std::future<Status> done = submit();
  std::future<Status> next = submit();
  taken.reset();
  EXPECT_TRUE(done.get().ok());
  EXPECT_TRUE(next.get().ok());
  EXPECT_EQ(pool_->counts().open, 1u);
}

TEST_F(ReaderPoolTest, JobsRunBesideEachOther) {
  const auto first = hold();
  const auto second = hold();
  EXPECT_FALSE(pool_->try_take());
  std::future<Status> third = submit();
  first->may_end.set_value();
  EXPECT_TRUE(third.get().ok());
  second->may_end.set_value();
}

TEST_F(ReaderPoolTest, AJobWaitsForItsTurnWhereNoThreadCanBeStarted) {
  const auto first = hold();
  std::future<Status> second;
  {
    const NoThreads full;
    second = submit();
  }
  first->may_end.set_value();
  EXPECT_TRUE(second.get().ok());
}

TEST_F(ReaderPoolTest, AJobIsRefusedWhereThereIsNoThreadAtAll) {
  {
    const NoThreads full;
    EXPECT_EQ(submit().get().code(), Code::kUnavailable);
  }
  EXPECT_TRUE(submit().get().ok());
}

TEST_F(ReaderPoolTest, ManyJobsAllRun) {
  std::vector<std::future<Status>> jobs;
  for (int i = 0; i < 500; i++) {
    jobs.push_back(submit());
    if (i % 7 == 0) (void)pool_->try_take();
  }
  for (std::future<Status>& each : jobs) EXPECT_TRUE(each.get().ok());
  EXPECT_LE(pool_->counts().open, 2u);
}

TEST_F(ReaderPoolTest, WhatIdlesGoesAway) {
  open(4, 0s);
  std::optional<ReaderPool::Reader> first = pool_->try_take();
  std::optional<ReaderPool::Reader> second = pool_->try_take();
  EXPECT_EQ(pool_->counts().open, 2u);
  first.reset();
  second.reset();
  EXPECT_EQ(pool_->counts().open, 0u);
}

TEST_F(ReaderPoolTest, ASettingEndsWithItsReader) {
  open(1);
  {
    const std::optional<ReaderPool::Reader> reader = pool_->try_take();
    EXPECT_EQ(value(*reader, "PRAGMA cache_size=77"), "");
    EXPECT_EQ(value(*reader, "PRAGMA cache_size"), "77");
  }
  EXPECT_EQ(pool_->counts().open, 0u);
  const std::optional<ReaderPool::Reader> reader = pool_->try_take();
  EXPECT_NE(value(*reader, "PRAGMA cache_size"), "77");
}

TEST_F(ReaderPoolTest, StatementsOfAnOlderSchemaAreForgotten) {
  open(1);
  auto prepared = [](const ReaderPool::Reader& reader) {
    return reader.cache().find("SELECT a FROM t")->statement.has_value();
  };
  const std::optional<ReaderPool::Reader> reader = pool_->try_take();
  reader->forget_stale_statements();
  sqlite::Error error;
  std::string_view sql = "SELECT a FROM t";
  sqlite::Statement& cached = reader->cache().find(sql)->statement;
  cached = reader->connection().prepare(sql, true, error);
  ASSERT_TRUE(writer_->execute("INSERT INTO t VALUES(2)").ok());
  reader->forget_stale_statements();
  EXPECT_TRUE(prepared(*reader));
  ASSERT_TRUE(writer_->execute("DROP TABLE t").ok());
  reader->forget_stale_statements();
  EXPECT_FALSE(prepared(*reader));
  sql = "SELECT a FROM t";
  (void)reader->connection().prepare(sql, false, error);
  EXPECT_EQ(error.text, "no such table: t");
}

TEST_F(ReaderPoolTest, ADatabaseThatCannotBeOpenedIsTheJobsError) {
  pool_ = std::make_unique<ReaderPool>(
      ReaderPool::Options{.path = "/nowhere/db", .base_vfs = vfs_.name()});
  EXPECT_FALSE(pool_->try_take());
  EXPECT_EQ(submit().get().code(), Code::kFailed);
  EXPECT_EQ(pool_->counts().in_use, 0u);
}

TEST_F(ReaderPoolTest, ClosingFailsWhoWaitsAndWhoComes) {
  open(1);
  const auto running = hold();
  std::future<Status> waits = submit();
  std::thread closing([&] { pool_->close(); });
  EXPECT_EQ(waits.get().text(), "store not open");
  EXPECT_EQ(submit().get().text(), "store not open");
  EXPECT_FALSE(pool_->try_take());
  running->may_end.set_value();
  closing.join();
}

TEST_F(ReaderPoolTest, ClosingTellsReadsToEndAndWaitsForThem) {
  std::optional<ReaderPool::Reader> taken = pool_->try_take();
  std::promise<void> began;
  std::promise<void> ended;
  pool_->submit([&](const Result<ReaderPool::Reader>& reader) {
    began.set_value();
    while (!reader->stopping()) std::this_thread::yield();
    ended.set_value();
  });
  began.get_future().wait();
  std::thread closing([&] { pool_->close(); });
  ended.get_future().wait();
  EXPECT_TRUE(taken->stopping());
  EXPECT_EQ(value(*taken, "SELECT a FROM t"), "1");
  taken.reset();
  closing.join();
}

}  // namespace
}  // namespace rqlite::store
