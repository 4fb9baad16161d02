#include "cluster/snapshot_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/packed_part.h"
#include "fakes/captured_log.h"
#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"
#include "raft/members.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr raft::RaftId kSelf(1);
constexpr raft::RaftId kSecond(2);
constexpr raft::RaftId kThird(3);
constexpr const char* kMain = "/main";
constexpr const char* kJournal = "/journal";

// A store whose main file holds what the test says. It freezes at once, unless it is to wait.
class FakeContent final : public SnapshotSource::Content {
 public:
  void freeze(Nanos patience, store::Snapshotter::FreezeCallback done) override {
    told_.push_back("freeze");
    patience_ = patience;
    if (!failure_.ok()) return done(failure_);
    if (waits_) {
      freezing_ = std::move(done);
    } else {
      done(frozen());
    }
  }
  Result<std::unique_ptr<File>> open_journal(const store::OutcomeJournal::Extent& extent) override {
    opened_ = extent.sequence;
    return files_.open(kJournal, FileSystem::Open::kReadOnly);
  }
  void keep_log_after(raft::RaftId to, raft::Index index) override {
    told_.push_back("keep " + index.to_string() + " for " + to.to_string());
  }
  void report_snapshot(raft::RaftId to, bool arrived) override {
    told_.push_back(to.to_string() + (arrived ? " has it" : " failed"));
  }
  std::string name_of(raft::RaftId id) override { return "node " + id.to_string(); }

  std::unique_ptr<store::FrozenMain> frozen() {
    std::unique_ptr<File> file = *files_.open(kMain, FileSystem::Open::kReadOnly);
    return std::make_unique<store::FrozenMain>(hold_, std::move(file), record_);
  }
  void finish_freezing() { std::exchange(freezing_, nullptr)(frozen()); }

  SimFileSystem files_;
  store::SnapshotRecord record_;
  const std::shared_ptr<store::MainFileHold> hold_ = std::make_shared<store::MainFileHold>(nullptr);
  bool waits_ = false;
  Status failure_;
  Nanos patience_{0};
  std::uint64_t opened_ = 0;
  std::vector<std::string> told_;

 private:
  store::Snapshotter::FreezeCallback freezing_;
};

class SnapshotSourceTest : public testing::Test {
 protected:
  SnapshotSourceTest() {
    options_.bytes_per_second = 1ULL << 60;  // the clock stands still
    content_.record_.index = raft::Index(100);
    content_.record_.conf_state = raft::encode_members({{kSelf, kSecond}, {kThird}});
    fill(kMain, "the main file");
  }

  void fill(const std::string& path, const Bytes& bytes) {
    EXPECT_TRUE(content_.files_.replace_file(path, bytes).ok());
  }
  void keep_of_requests(const Bytes& bytes, std::uint64_t counting) {
    fill(kJournal, bytes);
    content_.record_.state.journal = {5, counting, 0};
  }
  SnapshotSource& source() {
    if (!source_) source_.emplace(content_, clock_, options_);
    return *source_;
  }

  // Each blocks for the outcome.
  Result<SnapshotOffer> offer(raft::RaftId to) {
    std::promise<Result<SnapshotOffer>> offered;
    source().offer(to, [&](Result<SnapshotOffer> what) { offered.set_value(std::move(what)); });
    return offered.get_future().get();
  }
  std::future<Result<Bytes>> ask(std::uint64_t id, std::uint64_t offset = 0,
                                 SnapshotFile file = SnapshotFile::kMain, bool packed = false) {
    auto told = std::make_shared<std::promise<Result<Bytes>>>();
    std::future<Result<Bytes>> part = told->get_future();
    source().part(id, file, offset, packed,
                  [told](Result<Bytes> bytes) { told->set_value(std::move(bytes)); });
    return part;
  }
  // A part's content, or why there is none.
  static std::string content_of(const Result<Bytes>& part) {
    if (!part.ok()) return part.error().text();
    return decode_part(*part).value_or("damaged");
  }
  std::string part(std::uint64_t id, std::uint64_t offset = 0,
                   SnapshotFile file = SnapshotFile::kMain) {
    return content_of(ask(id, offset, file).get());
  }
  // What the core was told since the last time.
  std::vector<std::string> told() { return std::exchange(content_.told_, {}); }
  [[nodiscard]] bool is_held() { return content_.hold_->held(); }
  void pass(Nanos time) {
    clock_.advance(time);
    source().expire();
  }

  FakeClock clock_;
  FakeContent content_;
  SnapshotSource::Options options_;
  std::optional<SnapshotSource> source_;
};

// The way of one snapshot.

TEST_F(SnapshotSourceTest, OffersTheMainFileAndKeepsItAndTheLogBehindIt) {
  source().announced(kSecond, true);
  const Result<SnapshotOffer> offered = offer(kSecond);
  ASSERT_TRUE(offered.ok());
  EXPECT_EQ(offered->record.index, raft::Index(100));
  EXPECT_EQ(offered->main_bytes, 13U);
  EXPECT_FALSE(offered->wants_packing);
  EXPECT_NE(offered->id, 0U);
  EXPECT_THAT(told(), ElementsAre("freeze", "keep 100 for 2"));
  EXPECT_EQ(content_.patience_, options_.patience);
  EXPECT_TRUE(is_held());
  EXPECT_EQ(source().report().running, 1U);
}

TEST_F(SnapshotSourceTest, GivesThePartsOfTheMainFile) {
  Bytes large(kPartBytes + 3, 'x');
  large.back() = 'z';
  fill(kMain, large);
  const std::uint64_t id = offer(kSecond)->id;
  EXPECT_EQ(part(id), large.substr(0, kPartBytes));
  EXPECT_EQ(part(id, kPartBytes), "xxz");
  EXPECT_EQ(part(id, kPartBytes + 2), "z");
  EXPECT_EQ(part(id, kPartBytes + 3), "");
  EXPECT_EQ(part(id, 7ULL << 40), "");
}

TEST_F(SnapshotSourceTest, OfWhatIsKeptOfRequestsItGivesWhatTheRecordCounts) {
  keep_of_requests("records and what a crash left", 7);
  const std::uint64_t id = offer(kSecond)->id;
  EXPECT_EQ(part(id, 0, SnapshotFile::kOutcomes), "records");
  EXPECT_EQ(part(id, 4, SnapshotFile::kOutcomes), "rds");
  EXPECT_EQ(part(id, 7, SnapshotFile::kOutcomes), "");
  EXPECT_EQ(part(id, 8, SnapshotFile::kOutcomes), "");
  EXPECT_EQ(content_.opened_, 5U);
}

TEST_F(SnapshotSourceTest, WhereNothingIsKeptOfRequestsThereIsNothingToOpen) {
  EXPECT_EQ(part(offer(kSecond)->id, 0, SnapshotFile::kOutcomes), "");
  EXPECT_EQ(content_.opened_, 0U);
}

TEST_F(SnapshotSourceTest, APartIsPackedIfItIsAskedForSo) {
  fill(kMain, Bytes(kPartBytes, 'x'));
  const std::uint64_t id = offer(kSecond)->id;
  const Result<Bytes> packed = ask(id, 0, SnapshotFile::kMain, true).get();
  ASSERT_TRUE(packed.ok());
  EXPECT_LT(packed->size(), kPartBytes / 100);
  EXPECT_EQ(content_of(*unpack(*packed, kPartBytes + 64)), Bytes(kPartBytes, 'x'));
  // What counts is what is sent.
  EXPECT_EQ(source().report().bytes, packed->size());
}

TEST_F(SnapshotSourceTest, ANodeThatPacksAsksForThat) {
  options_.packs = true;
  EXPECT_TRUE(offer(kSecond)->wants_packing);
}

TEST_F(SnapshotSourceTest, TheCoreHearsThatItArrivedAndTheFileIsFree) {
  source().announced(kSecond, true);
  const std::uint64_t id = offer(kSecond)->id;
  told();
  source().done(kSecond, id, true);
  EXPECT_THAT(told(), ElementsAre("2 has it"));
  EXPECT_FALSE(is_held());
  EXPECT_EQ(source().report().arrived, 1U);
  EXPECT_EQ(source().report().running, 0U);
  EXPECT_EQ(part(id), "this snapshot is not held any more");
}

TEST_F(SnapshotSourceTest, TheCoreHearsThatItFailed) {
  source().announced(kSecond, true);
  const std::uint64_t id = offer(kSecond)->id;
  told();
  source().done(kSecond, id, false);
  EXPECT_THAT(told(), ElementsAre("2 failed"));
  EXPECT_EQ(source().report().failed, 1U);
}

TEST_F(SnapshotSourceTest, TheCoreHearsOnce) {
  source().announced(kSecond, true);
  const std::uint64_t id = offer(kSecond)->id;
  source().done(kSecond, id, true);
  told();
  source().done(kSecond, id, true);
  source().done(kSecond, id, false);
  pass(1h);
  EXPECT_THAT(told(), IsEmpty());
}

// What goes wrong.

TEST_F(SnapshotSourceTest, OneInTheMiddleOfALoadIsNotGiven) {
  content_.record_.state.incoming = {7, 1000, raft::Term(3)};
  const Result<SnapshotOffer> offered = offer(kSecond);
  ASSERT_FALSE(offered.ok());
  EXPECT_EQ(offered.error().code(), Code::kUnavailable);
  EXPECT_FALSE(is_held());
  content_.record_.state.incoming.reset();
  EXPECT_TRUE(offer(kSecond).ok());
}

TEST_F(SnapshotSourceTest, WhatCouldNotBeAnnouncedHasFailed) {
  source().announced(kSecond, false);
  EXPECT_THAT(told(), ElementsAre("2 failed"));
  EXPECT_EQ(source().report().running, 0U);
}

TEST_F(SnapshotSourceTest, AMemberThatNeverAsksIsGivenUp) {
  source().announced(kSecond, true);
  pass(options_.silence_max);
  EXPECT_THAT(told(), IsEmpty());
  pass(1ns);
  EXPECT_THAT(told(), ElementsAre("2 failed"));
}

TEST_F(SnapshotSourceTest, AMemberThatStopsAskingIsGivenUpAndTheFileIsFree) {
  source().announced(kSecond, true);
  const std::uint64_t id = offer(kSecond)->id;
  told();
  for (int i = 0; i < 3; i++) {  // it is slow, but it asks
    pass(options_.silence_max);
    EXPECT_EQ(part(id), "the main file");
  }
  EXPECT_THAT(told(), IsEmpty());
  pass(options_.silence_max + 1ns);
  EXPECT_THAT(told(), ElementsAre("2 failed"));
  EXPECT_FALSE(is_held());
  EXPECT_EQ(part(id), "this snapshot is not held any more");
}

TEST_F(SnapshotSourceTest, AMemberThatWaitsForThisNodeIsNotSilent) {
  content_.waits_ = true;
  source().announced(kSecond, true);
  std::optional<SnapshotOffer> offered;
  source().offer(kSecond, [&](Result<SnapshotOffer> what) { offered = *what; });
  pass(options_.silence_max * 2);
  EXPECT_THAT(told(), ElementsAre("freeze"));
  content_.finish_freezing();
  ASSERT_TRUE(offered.has_value());
  pass(options_.silence_max);
  EXPECT_EQ(part(offered->id), "the main file");
}

TEST_F(SnapshotSourceTest, ReadersInTheWayAreTheMembersFailureToFetch) {
  source().announced(kSecond, true);
  content_.failure_ = {Code::kUnavailable, "readers are in the way"};
  EXPECT_EQ(offer(kSecond).error().text(), "readers are in the way");
  told();
  pass(options_.silence_max);  // it may try again
  EXPECT_THAT(told(), IsEmpty());
  source().done(kSecond, 0, false);
  EXPECT_THAT(told(), ElementsAre("2 failed"));
}

TEST_F(SnapshotSourceTest, AFileThatIsGoneIsSaid) {
  keep_of_requests("records", 7);
  const std::uint64_t id = offer(kSecond)->id;
  ASSERT_TRUE(content_.files_.remove(kJournal).ok());
  EXPECT_THAT(part(id, 0, SnapshotFile::kOutcomes), HasSubstr(kJournal));
  EXPECT_EQ(part(id), "the main file");
}

TEST_F(SnapshotSourceTest, NobodyHasAPartOfWhatWasNeverOffered) {
  EXPECT_EQ(part(0), "this snapshot is not held any more");
  source().announced(kSecond, true);
  EXPECT_EQ(part(0), "this snapshot is not held any more");
}

// What the log says of it.

class SnapshotSourceLogTest : public SnapshotSourceTest {
 protected:
  // A whole try, which fails.
  void fail(raft::RaftId to) {
    source().announced(to, true);
    source().done(to, offer(to)->id, false, "no room");
  }
  std::vector<std::string> logged() { return log_.lines(); }

 private:
  CapturedLog log_;
};

TEST_F(SnapshotSourceLogTest, WhatDoesNotArriveIsSaidOnceHoweverOftenItIsTried) {
  fail(kSecond);
  EXPECT_THAT(logged(), ElementsAre("sending the snapshot at 100, 13 bytes, to node 2",
                                    "the snapshot did not arrive at node 2, and is sent again "
                                    "until it does: no room"));
  fail(kSecond);
  EXPECT_THAT(logged(), IsEmpty());
  fail(kThird);
  EXPECT_THAT(logged(), SizeIs(2));
}

TEST_F(SnapshotSourceLogTest, ItIsSaidAgainAfterAWhileAndAfterOneThatArrived) {
  fail(kSecond);
  pass(10min);
  fail(kSecond);
  EXPECT_THAT(logged(), SizeIs(4));
  source().done(kSecond, offer(kSecond)->id, true);
  EXPECT_THAT(logged(), IsEmpty());
  fail(kSecond);
  EXPECT_THAT(logged(), SizeIs(2));
}

TEST_F(SnapshotSourceLogTest, WhoDoesNotFetchItIsSaidToo) {
  source().announced(kSecond, true);
  pass(options_.silence_max + 1ns);
  EXPECT_THAT(logged(), ElementsAre("the snapshot did not arrive at node 2, and is sent again "
                                    "until it does: it does not fetch it"));
}

// Another snapshot meanwhile.

TEST_F(SnapshotSourceTest, ASecondOfferTakesThePlaceOfTheFirst) {
  const std::uint64_t first = offer(kSecond)->id;
  const std::uint64_t second = offer(kSecond)->id;
  EXPECT_NE(first, second);
  EXPECT_EQ(part(first), "this snapshot is not held any more");
  EXPECT_EQ(part(second), "the main file");
}

TEST_F(SnapshotSourceTest, WhatBecameOfAnEarlierOfferDoesNotCount) {
  source().announced(kSecond, true);
  const std::uint64_t first = offer(kSecond)->id;
  pass(options_.silence_max + 1ns);
  source().announced(kSecond, true);
  told();
  source().done(kSecond, first, false);  // it was under way for long
  EXPECT_THAT(told(), IsEmpty());
  const std::uint64_t second = offer(kSecond)->id;
  told();
  source().done(kSecond, first, true);
  EXPECT_THAT(told(), IsEmpty());
  source().done(kSecond, second, true);
  EXPECT_THAT(told(), ElementsAre("2 has it"));
}

TEST_F(SnapshotSourceTest, MembersShareOneFrozenFile) {
  const std::uint64_t second = offer(kSecond)->id;
  const std::uint64_t third = offer(kThird)->id;
  EXPECT_THAT(told(), ElementsAre("freeze", "keep 100 for 2", "keep 100 for 3"));
  EXPECT_NE(second, third);
  source().done(kSecond, second, true);
  EXPECT_TRUE(is_held());
  EXPECT_EQ(part(third), "the main file");
  source().done(kThird, third, true);
  EXPECT_FALSE(is_held());
}

TEST_F(SnapshotSourceTest, AFileFromBeforeAMembersTimeDoesNotServeIt) {
  constexpr raft::RaftId kFourth(4);
  ASSERT_TRUE(offer(kSecond).ok());
  told();
  content_.record_.index = raft::Index(200);
  content_.record_.conf_state = raft::encode_members({{kSelf, kSecond}, {kThird, kFourth}});
  EXPECT_EQ(offer(kFourth)->record.index, raft::Index(200));
  EXPECT_THAT(told(), ElementsAre("freeze", "keep 200 for 4"));
}

// Pace.

TEST_F(SnapshotSourceTest, AllMembersTogetherGetNoMoreThanABoundInASecond) {
  fill(kMain, Bytes(1000, 'x'));
  options_.bytes_per_second = 1000;
  const std::uint64_t second = offer(kSecond)->id;
  const std::uint64_t third = offer(kThird)->id;
  const TimePoint began = clock_.now();
  EXPECT_EQ(part(second).size(), 1000U);  // at once
  std::future<Result<Bytes>> next = ask(third);
  clock_.await_sleeper(began + 1s);
  EXPECT_EQ(next.wait_for(0s), std::future_status::timeout);
  clock_.advance(1s);
  EXPECT_EQ(content_of(next.get()).size(), 1000U);
  next = ask(second);
  clock_.await_sleeper(began + 2s);
  clock_.advance(1s);
  EXPECT_EQ(content_of(next.get()).size(), 1000U);
  EXPECT_EQ(source().report().bytes, 3 * (1000U + 8));
}

TEST_F(SnapshotSourceTest, TimeInWhichNothingWasAskedForIsNotSavedUp) {
  fill(kMain, Bytes(1000, 'x'));
  options_.bytes_per_second = 1000;
  const std::uint64_t id = offer(kSecond)->id;
  part(id);
  clock_.advance(5s);
  part(id);
  std::future<Result<Bytes>> next = ask(id);
  clock_.await_sleeper(clock_.now() + 1s);
  clock_.advance(1s);
  EXPECT_TRUE(next.get().ok());
}

// The end.

TEST_F(SnapshotSourceTest, TheEndFreesTheFileAndRefusesWhatComes) {
  const std::uint64_t id = offer(kSecond)->id;
  told();
  source().close();
  EXPECT_FALSE(is_held());
  EXPECT_EQ(offer(kSecond).error().text(), "this snapshot is not held any more");
  EXPECT_EQ(part(id), "this snapshot is not held any more");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(SnapshotSourceTest, TheEndDoesNotWaitForThePace) {
  fill(kMain, Bytes(1000, 'x'));
  options_.bytes_per_second = 1;
  const std::uint64_t id = offer(kSecond)->id;
  part(id);
  std::future<Result<Bytes>> next = ask(id);
  clock_.await_sleeper(clock_.now() + 1000s);
  source().close();
  EXPECT_TRUE(next.get().ok());
}

TEST_F(SnapshotSourceTest, WhatIsFrozenAfterTheEndIsFreeAtOnce) {
  content_.waits_ = true;
  std::string why;
  source().offer(kSecond, [&](const Result<SnapshotOffer>& what) { why = what.error().text(); });
  source().close();
  content_.finish_freezing();
  EXPECT_EQ(why, "this snapshot is not held any more");
  EXPECT_FALSE(is_held());
}

}  // namespace
}  // namespace rqlite::cluster
