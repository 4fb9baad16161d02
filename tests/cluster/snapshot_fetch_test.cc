#include "cluster/snapshot_fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/packed_part.h"
#include "cluster/peer_stand_in.h"
#include "fakes/captured_log.h"
#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"
#include "raft/members.h"
#include "raft/message.h"
#include "store/outcome_journal.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr raft::RaftId kSelf(1);
constexpr raft::RaftId kSender(2);
constexpr raft::RaftId kOther(3);
constexpr const char* kAside = "/aside";

net::Response says(Bytes body) { return {200, net::kTextType, {}, std::move(body)}; }
net::Response gone() { return failure({Code::kUnavailable, "this snapshot is not held any more"}); }

// A store that begins with whatever arrives.
class FakeDestination final : public SnapshotFetch::Destination {
 public:
  FakeDestination() { EXPECT_TRUE(files_.make_directories(kAside).ok()); }

  raft::RaftId raft_id() override { return kSelf; }
  FileSystem& files() override { return files_; }
  std::string new_aside(command::Replacement& file) override {
    file.file = ++numbers_;
    return path_of(file);
  }
  void discard_aside(const command::Replacement& file) override {
    EXPECT_TRUE(files_.remove(path_of(file)).ok());
  }
  void install(store::ReceivedSnapshot received, BytesView message,
               std::function<void(bool)> done) override {
    if (const auto during = std::exchange(during_install_, nullptr)) during();
    {
      MutexLock lock(mutex_);
      main_ = *files_.read_file(path_of(*received.file));
      message_ = message;
      received_ = std::move(received);
    }
    done(begins_);
  }

  SimFileSystem files_;
  bool begins_ = true;
  std::function<void()> during_install_;  // of the next one

  Mutex mutex_;
  std::optional<store::ReceivedSnapshot> received_ GUARDED_BY(mutex_);
  Bytes main_ GUARDED_BY(mutex_);
  Bytes message_ GUARDED_BY(mutex_);

 private:
  static std::string path_of(const command::Replacement& file) {
    return std::string(kAside) + "/" + std::to_string(file.file);
  }

  std::uint64_t numbers_ = 0;
};

// A member that has a snapshot to give, and gives it as the test says.
class Sender {
 public:
  enum class Does { kSends, kCutsShort, kIsSilent, kHoldsItNoMore };

  explicit Sender(raft::RaftId id) : id_(id) {
    offer_.id = 77;
    offer_.record.index = raft::Index(100);
    offer_.record.term = raft::Term(3);
    offer_.record.conf_state = raft::encode_members({{kSelf, kSender, kOther}, {}});
    holds("the main file");
    port_.answer([this](const PeerStandIn::Asked& asked, const std::shared_ptr<net::Reply>& reply) {
      answer(asked, reply);
    });
  }

  void holds(Bytes main) {
    main_ = std::move(main);
    offer_.main_bytes = main_.size();
  }
  void keeps(Bytes outcomes, std::uint64_t checksum) {
    offer_.record.state.journal = {1, outcomes.size(), checksum};
    outcomes_ = std::move(outcomes);
  }
  [[nodiscard]] SnapshotFetch::Contact contact() const { return {id_, port_.address(), "mine"}; }
  // Blocks until the member says what became of it: "arrived=1&id=77".
  std::string outcome() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (told_.empty()) changed_.wait(mutex_);
    return std::exchange(told_, {});
  }
  // What it said with that.
  std::string reason() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return reason_;
  }
  // Blocks until so many parts were asked for.
  void await_parts(std::size_t count) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (parts_.size() < count) changed_.wait(mutex_);
  }
  // "file 0 from 0", in the order in which they were asked for.
  std::vector<std::string> parts() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return parts_;
  }
  std::vector<PeerStandIn::Asked> asked() { return port_.asked(); }

  // Before it begins.
  SnapshotOffer offer_;
  // What becomes of the answers: to the request for an offer, and to the n-th one for a part, from
  // 0 on. May change them.
  std::function<Does(net::Response&)> on_offer_ = [](net::Response&) { return Does::kSends; };
  std::function<Does(std::size_t, net::Response&)> on_part_ = [](std::size_t, net::Response&) {
    return Does::kSends;
  };

 private:
  void answer(const PeerStandIn::Asked& asked, const std::shared_ptr<net::Reply>& reply)
      EXCLUDES(mutex_) {
    const std::size_t query = asked.target.find('?');
    const std::string path = asked.target.substr(0, query);
    if (path == kSnapshotPath) {
      net::Response response = says(encode(offer_));
      const Does what = on_offer_(response);
      send(what, std::move(response), reply);
    } else if (path == kPartPath) {
      give_part(asked, reply);
    } else {
      reply->send(says(""));
      MutexLock lock(mutex_);
      reason_ = asked.body;
      told_ = asked.target.substr(query + 1);
      changed_.notify_all();
    }
  }
  void give_part(const PeerStandIn::Asked& asked, const std::shared_ptr<net::Reply>& reply)
      EXCLUDES(mutex_) {
    const bool packed = asked.target.ends_with("&packed=1");
    const auto number = [&](const std::string& name) {
      return std::stoull(asked.target.substr(asked.target.find(name + "=") + name.size() + 1));
    };
    const std::uint64_t file = number("file");
    const std::uint64_t offset = number("offset");
    const Bytes& content = file == 0 ? main_ : outcomes_;
    EXPECT_EQ(number("id"), offer_.id);
    const Bytes part = encode_part(content.substr(offset, kPartBytes));
    net::Response response = says(packed ? pack(part) : part);
    std::size_t count = 0;
    {
      MutexLock lock(mutex_);
      count = parts_.size();
      parts_.push_back("file " + std::to_string(file) + " from " + std::to_string(offset));
    }
    const Does what = on_part_(count, response);
    send(what, std::move(response), reply);
    MutexLock lock(mutex_);
    changed_.notify_all();
  }
  void send(Does what, net::Response response, const std::shared_ptr<net::Reply>& reply) {
    switch (what) {
      case Does::kSends:
        return reply->send(std::move(response));
      case Does::kCutsShort:
        response.body.resize(response.body.size() / 2);
        reply->begin(std::move(response));  // and nothing more
        return;
      case Does::kIsSilent:
        return port_.leave(reply);
      case Does::kHoldsItNoMore:
        return reply->send(gone());
    }
  }

  const raft::RaftId id_;
  Bytes main_;
  Bytes outcomes_;

  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> parts_ GUARDED_BY(mutex_);
  std::string told_ GUARDED_BY(mutex_);
  Bytes reason_ GUARDED_BY(mutex_);

  PeerStandIn port_;  // last: it answers until it is gone
};

using Does = Sender::Does;

class SnapshotFetchTest : public testing::Test {
 protected:
  ~SnapshotFetchTest() override {
    if (fetch_) fetch_->close();
    client_.close();
  }

  SnapshotFetch& fetch() {
    if (!fetch_) fetch_ = std::make_unique<SnapshotFetch>(to_, client_, clock_, options_);
    return *fetch_;
  }
  static Bytes announcement() {
    return raft::snapshot_message(
        kSender, kSelf, raft::Term(3),
        {raft::Index(90), raft::Term(3), raft::encode_members({{kSelf, kSender}, {}}), ""});
  }
  void begin(const Sender& from, Bytes message = announcement()) {
    fetch().begin(from.contact(), std::move(message));
  }
  // Blocks until it waits before it asks again, and lets that be over.
  void rest() { rest(options_.try_again); }
  void rest(Nanos time) {
    clock_.await_sleeper(clock_.now() + time);
    clock_.advance(time);
  }
  // What the sender hears of one that fails, which it does after a pause.
  std::string failure_told() {
    rest(options_.pause_after_failure);
    return sender_.outcome();
  }
  Bytes main() {
    MutexLock lock(to_.mutex_);
    return to_.main_;
  }
  std::vector<std::string> left_aside() { return *to_.files_.list(kAside); }
  // The requests for anything but parts, by their paths.
  std::vector<std::string> asked() {
    std::vector<std::string> paths;
    for (const PeerStandIn::Asked& each : sender_.asked()) {
      const std::string path = each.target.substr(0, each.target.find('?'));
      if (path != kPartPath) paths.push_back(each.method + " " + path);
    }
    return paths;
  }
  // What a journal holds of these.
  void keep(const std::vector<std::string>& records) {
    SimFileSystem disk;
    ASSERT_TRUE(disk.make_directories("/raft").ok());
    auto journal = *store::OutcomeJournal::open(disk, "/raft", {}, [](store::OutcomeRecord) {});
    std::vector<store::OutcomeRecord> kept;
    for (const std::string& each : records) kept.push_back(std::make_shared<const Bytes>(each));
    ASSERT_TRUE(journal->append(kept).ok());
    sender_.keeps(*disk.read_file(store::OutcomeJournal::file_of("/raft", journal->extent())),
                  journal->extent().checksum);
  }
  std::vector<std::string> kept() {
    MutexLock lock(to_.mutex_);
    std::vector<std::string> texts;
    for (const store::OutcomeRecord& each : to_.received_->kept) texts.push_back(*each);
    return texts;
  }

  FakeClock clock_;
  SnapshotFetch::Options options_;
  FakeDestination to_;
  net::Client client_{net::Client::Options()};
  Sender sender_{kSender};
  std::unique_ptr<SnapshotFetch> fetch_;
};

// All goes well.

TEST_F(SnapshotFetchTest, TheStoreBeginsFromWhatWasSent) {
  begin(sender_);
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
  EXPECT_EQ(main(), "the main file");
  EXPECT_THAT(kept(), IsEmpty());
  {
    MutexLock lock(to_.mutex_);
    EXPECT_EQ(to_.received_->record.index, raft::Index(100));
    EXPECT_EQ(to_.received_->file->bytes, 13U);
    EXPECT_EQ(to_.message_, announcement());
  }
  EXPECT_THAT(asked(), ElementsAre("GET /peer/1/snapshot", "POST /peer/1/snapshot/done"));
  EXPECT_EQ(fetch().report().arrived, 1U);
  EXPECT_EQ(fetch().report().failed, 0U);
  EXPECT_FALSE(fetch().report().running);
}

TEST_F(SnapshotFetchTest, SaysWhoAsksWhomOfWhichCluster) {
  begin(sender_);
  sender_.outcome();
  for (const PeerStandIn::Asked& each : sender_.asked()) {
    EXPECT_EQ(each.header(kClusterHeader), "mine");
    EXPECT_EQ(each.header(kFromHeader), to_text(kSelf));
    EXPECT_EQ(each.header(kToHeader), to_text(kSender));
  }
}

TEST_F(SnapshotFetchTest, ALargeFileComesInParts) {
  Bytes large;
  for (char c = 'a'; c < 'd'; c++) large += Bytes(kPartBytes, c);
  large += "end";
  sender_.holds(large);
  begin(sender_);
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
  EXPECT_TRUE(main() == large);
  EXPECT_THAT(sender_.parts(), ElementsAre("file 0 from 0", "file 0 from 4194304",
                                           "file 0 from 8388608", "file 0 from 12582912"));
  EXPECT_EQ(fetch().report().bytes, large.size() + 4 * 8);
}

TEST_F(SnapshotFetchTest, WhatIsKeptOfRequestsComesAlong) {
  keep({"first", "second"});
  begin(sender_);
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
  EXPECT_THAT(kept(), ElementsAre("first", "second"));
  EXPECT_THAT(sender_.parts(), ElementsAre("file 1 from 0", "file 0 from 0"));
}

TEST_F(SnapshotFetchTest, APartComesPackedIfTheSenderWouldHaveItSo) {
  sender_.holds(Bytes(100'000, 'x'));
  sender_.offer_.wants_packing = true;
  begin(sender_);
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
  EXPECT_EQ(main(), Bytes(100'000, 'x'));
  EXPECT_LT(fetch().report().bytes, 1000U);
}

TEST_F(SnapshotFetchTest, APartComesPackedIfThisNodeWouldHaveItSo) {
  sender_.holds(Bytes(100'000, 'x'));
  options_.packs = true;
  begin(sender_);
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
  EXPECT_EQ(main(), Bytes(100'000, 'x'));
  EXPECT_LT(fetch().report().bytes, 1000U);
}

TEST_F(SnapshotFetchTest, WhatItBeginsFromIsOnTheDisk) {
  begin(sender_);
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
  Random random(1);
  to_.files_.crash(SimFileSystem::Crash::kPower, random);
  EXPECT_EQ(*to_.files_.read_file(std::string(kAside) + "/1"), "the main file");
}

// The connection breaks.

TEST_F(SnapshotFetchTest, WhatWasCutShortIsAskedForAgainFromThereOn) {
  const Bytes large = Bytes(kPartBytes, 'a') + Bytes(kPartBytes, 'b');
  sender_.holds(large);
  sender_.on_part_ = [](std::size_t count, net::Response&) {
    return count == 1 || count == 2 ? Does::kCutsShort : Does::kSends;
  };
  begin(sender_);
  rest();
  rest();
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
  EXPECT_TRUE(main() == large);
  EXPECT_THAT(sender_.parts(), ElementsAre("file 0 from 0", "file 0 from 4194304",
                                           "file 0 from 4194304", "file 0 from 4194304"));
}

TEST_F(SnapshotFetchTest, AsksForAPartAgainForAsLongAsItsSenderIsPatient) {
  sender_.on_part_ = [](std::size_t, net::Response&) { return Does::kCutsShort; };
  begin(sender_);
  rest();
  clock_.await_sleeper(clock_.now() + options_.try_again);
  clock_.advance(options_.patience - options_.try_again - 1ns);
  clock_.await_sleeper(clock_.now() + options_.try_again);
  clock_.advance(options_.try_again);
  EXPECT_EQ(failure_told(), "arrived=0&id=77");
  EXPECT_EQ(sender_.parts().size(), 4U);
  EXPECT_THAT(left_aside(), IsEmpty());
  EXPECT_EQ(fetch().report().failed, 1U);
}

TEST_F(SnapshotFetchTest, ThePatienceIsForOnePart) {
  sender_.holds(Bytes(3 * kPartBytes, 'a'));
  sender_.on_part_ = [](std::size_t count, net::Response&) {
    return count % 2 == 0 ? Does::kCutsShort : Does::kSends;
  };
  begin(sender_);
  for (int i = 0; i < 3; i++) {
    clock_.await_sleeper(clock_.now() + options_.try_again);
    clock_.advance(options_.patience - 1ns);
  }
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
}

// What comes is not what it should be.

TEST_F(SnapshotFetchTest, ADamagedPartIsAskedForAgain) {
  sender_.on_part_ = [](std::size_t count, net::Response& response) {
    if (count < 4) response.body[count] ^= 1;
    return Does::kSends;
  };
  begin(sender_);
  for (int i = 0; i < 4; i++) rest();
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
  EXPECT_EQ(main(), "the main file");
}

TEST_F(SnapshotFetchTest, APackedPartTooIsAskedForAgain) {
  options_.packs = true;
  sender_.on_part_ = [](std::size_t count, net::Response& response) {
    if (count == 0) response.body = "no packed part";
    if (count == 1) response.body = pack("no checksum at its end");
    if (count == 2) response.body = pack("short");
    return Does::kSends;
  };
  begin(sender_);
  for (int i = 0; i < 3; i++) rest();
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
  EXPECT_EQ(main(), "the main file");
}

TEST_F(SnapshotFetchTest, AfterFiveDamagedOnesItGivesUp) {
  sender_.on_part_ = [](std::size_t, net::Response& response) {
    response.body.back() ^= 1;
    return Does::kSends;
  };
  begin(sender_);
  for (int i = 0; i < 4; i++) rest();
  EXPECT_EQ(failure_told(), "arrived=0&id=77");
  EXPECT_EQ(sender_.parts().size(), 5U);
  EXPECT_THAT(left_aside(), IsEmpty());
  EXPECT_EQ(main(), "");
}

TEST_F(SnapshotFetchTest, AFileThatIsShorterThanWasSaidIsNone) {
  sender_.offer_.main_bytes++;
  begin(sender_);
  EXPECT_EQ(failure_told(), "arrived=0&id=77");
  EXPECT_EQ(sender_.reason(), "the main file is not as long as was said");
  EXPECT_THAT(sender_.parts(), ElementsAre("file 0 from 0", "file 0 from 13"));
  EXPECT_THAT(left_aside(), IsEmpty());
}

TEST_F(SnapshotFetchTest, AFileThatIsLongerThanWasSaidIsNone) {
  sender_.offer_.main_bytes--;
  begin(sender_);
  EXPECT_EQ(failure_told(), "arrived=0&id=77");
  EXPECT_THAT(left_aside(), IsEmpty());
}

TEST_F(SnapshotFetchTest, WhatIsKeptOfRequestsMustBeWhole) {
  keep({"first", "second"});
  sender_.offer_.record.state.journal.bytes++;
  begin(sender_);
  EXPECT_EQ(failure_told(), "arrived=0&id=77");
  EXPECT_THAT(sender_.parts(), ElementsAre("file 1 from 0", "file 1 from 19"));
}

TEST_F(SnapshotFetchTest, WhatIsKeptOfRequestsMustBeWhatTheRecordSays) {
  keep({"first", "second"});
  sender_.offer_.record.state.journal.checksum++;
  begin(sender_);
  EXPECT_EQ(failure_told(), "arrived=0&id=77");
  EXPECT_THAT(sender_.parts(), ElementsAre("file 1 from 0"));
}

TEST_F(SnapshotFetchTest, AnAnnouncementThatCannotBeReadIsNotFollowed) {
  begin(sender_, "nonsense");
  EXPECT_EQ(failure_told(), "arrived=0&id=0");
  EXPECT_THAT(asked(), ElementsAre("POST /peer/1/snapshot/done"));
}

TEST_F(SnapshotFetchTest, AnOfferThatCannotBeReadIsNone) {
  sender_.on_offer_ = [](net::Response& response) {
    response.body = "nonsense";
    return Does::kSends;
  };
  begin(sender_);
  EXPECT_EQ(failure_told(), "arrived=0&id=0");
  EXPECT_THAT(sender_.parts(), IsEmpty());
}

TEST_F(SnapshotFetchTest, ASenderThatHasNothingToOfferIsNotAskedForParts) {
  sender_.on_offer_ = [](net::Response&) { return Does::kHoldsItNoMore; };
  begin(sender_);
  EXPECT_EQ(failure_told(), "arrived=0&id=0");
  EXPECT_THAT(sender_.parts(), IsEmpty());
}

TEST_F(SnapshotFetchTest, ASnapshotWithoutThisNodeIsNotForIt) {
  sender_.offer_.record.conf_state = raft::encode_members({{kSender}, {kOther}});
  begin(sender_);
  EXPECT_EQ(failure_told(), "arrived=0&id=77");
  EXPECT_THAT(sender_.parts(), IsEmpty());
}

TEST_F(SnapshotFetchTest, ALearnerIsInTheSnapshotToo) {
  sender_.offer_.record.conf_state = raft::encode_members({{kSender}, {kSelf}});
  begin(sender_);
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
}

// The sender has another snapshot by now.

TEST_F(SnapshotFetchTest, WhatIsNotHeldAnyMoreIsNotAskedForAgain) {
  sender_.holds(Bytes(kPartBytes + 1, 'a'));
  sender_.on_part_ = [](std::size_t count, net::Response&) {
    return count == 1 ? Does::kHoldsItNoMore : Does::kSends;
  };
  begin(sender_);
  EXPECT_EQ(failure_told(), "arrived=0&id=77");
  EXPECT_EQ(sender_.parts().size(), 2U);
  EXPECT_THAT(left_aside(), IsEmpty());
  // The next one begins from the beginning.
  begin(sender_);
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
  EXPECT_TRUE(main() == Bytes(kPartBytes + 1, 'a'));
}

TEST_F(SnapshotFetchTest, TheOneThatIsAnnouncedLastTakesThePlaceOfTheOneUnderWay) {
  sender_.on_part_ = [](std::size_t count, net::Response&) {
    return count == 0 ? Does::kIsSilent : Does::kSends;
  };
  begin(sender_);
  sender_.await_parts(1);
  begin(sender_);
  // Nothing had to pass. And the sender hears of the second only: what became of the first would
  // make it announce a third.
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
  EXPECT_THAT(asked(), ElementsAre("GET /peer/1/snapshot", "GET /peer/1/snapshot",
                                   "POST /peer/1/snapshot/done"));
  EXPECT_EQ(fetch().report().failed, 1U);
  EXPECT_EQ(fetch().report().arrived, 1U);
  EXPECT_THAT(left_aside(), ElementsAre("2"));
}

TEST_F(SnapshotFetchTest, OneThatWaitsBeforeItAsksAgainGivesWayToo) {
  sender_.on_part_ = [](std::size_t count, net::Response&) {
    return count == 0 ? Does::kCutsShort : Does::kSends;
  };
  begin(sender_);
  clock_.await_sleeper(clock_.now() + options_.try_again);
  begin(sender_);
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
}

TEST_F(SnapshotFetchTest, OneThatHasFailedDoesNotHoldUpTheNext) {
  sender_.on_part_ = [](std::size_t count, net::Response&) {
    return count == 0 ? Does::kHoldsItNoMore : Does::kSends;
  };
  begin(sender_);
  clock_.await_sleeper(clock_.now() + options_.pause_after_failure);
  begin(sender_);
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
}

TEST_F(SnapshotFetchTest, ANewLeadersSnapshotTakesThePlaceOfTheOldOnesWhoHearsThat) {
  sender_.on_part_ = [](std::size_t, net::Response&) { return Does::kIsSilent; };
  Sender next(kOther);
  next.offer_.id = 78;
  begin(sender_);
  sender_.await_parts(1);
  begin(next);
  EXPECT_EQ(sender_.outcome(), "arrived=0&id=77");
  EXPECT_EQ(next.outcome(), "arrived=1&id=78");
}

TEST_F(SnapshotFetchTest, OnlyTheLastOfThoseThatWaitIsFetched) {
  Sender passed_over(kOther);
  Sender last(kOther);
  to_.during_install_ = [&] {
    begin(passed_over);
    begin(last);
  };
  begin(sender_);
  EXPECT_EQ(last.outcome(), "arrived=1&id=77");
  EXPECT_THAT(passed_over.asked(), IsEmpty());
}

// This node.

TEST_F(SnapshotFetchTest, ANodeThatHasComeFurtherByItselfSaysThatItHasNotTakenIt) {
  to_.begins_ = false;
  begin(sender_);
  EXPECT_EQ(failure_told(), "arrived=0&id=77");
  EXPECT_EQ(fetch().report().failed, 1U);
}

TEST_F(SnapshotFetchTest, WhatHasNoRoomIsNotEvenAskedFor) {
  to_.files_.set_capacity(12);
  begin(sender_);
  EXPECT_EQ(failure_told(), "arrived=0&id=77");
  EXPECT_THAT(sender_.parts(), IsEmpty());
}

TEST_F(SnapshotFetchTest, ADiskThatFillsMeanwhileLeavesNothingBehind) {
  sender_.on_part_ = [this](std::size_t, net::Response&) {
    to_.files_.set_capacity(12);
    return Does::kSends;
  };
  begin(sender_);
  EXPECT_EQ(failure_told(), "arrived=0&id=77");
  EXPECT_THAT(left_aside(), IsEmpty());
}

TEST_F(SnapshotFetchTest, WhateverFailsOnTheDiskItIsNotTaken) {
  // Making the file, writing it, syncing it and its directory.
  for (std::uint64_t operation = 0; operation < 4; operation++) {
    to_.files_.fail_after(operation, EIO);
    begin(sender_);
    EXPECT_EQ(failure_told(), "arrived=0&id=77") << operation;
    EXPECT_THAT(left_aside(), IsEmpty()) << operation;
  }
  begin(sender_);
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
}

// What is said of it. The sender announces it again and again, for hours if need be.

class SnapshotFetchLogTest : public SnapshotFetchTest {
 protected:
  void fail() {
    begin(sender_);
    EXPECT_EQ(failure_told(), "arrived=0&id=77");
  }
  std::vector<std::string> logged() { return log_.lines(); }

 private:
  CapturedLog log_;
};

TEST_F(SnapshotFetchLogTest, WhatHasNoRoomIsSaidOnceHoweverOftenItIsTried) {
  to_.files_.set_capacity(12);
  fail();
  EXPECT_THAT(logged(),
              ElementsAre(StartsWith("fetching the snapshot at 100, 13 bytes, from "),
                          AllOf(StartsWith("the snapshot from "),
                                EndsWith(" did not arrive: 12 bytes are free where it needs 13"))));
  fail();
  to_.files_.set_capacity(11);
  fail();
  EXPECT_THAT(logged(), IsEmpty());
}

TEST_F(SnapshotFetchLogTest, ItIsSaidAgainAfterAWhileAndForAnotherReason) {
  to_.files_.set_capacity(12);
  fail();
  clock_.advance(10min);
  logged();
  fail();
  EXPECT_THAT(logged(), SizeIs(1));
  to_.files_.set_capacity(std::nullopt);
  to_.begins_ = false;
  fail();
  EXPECT_THAT(logged(),
              ElementsAre(EndsWith(" did not arrive: this node has come further by itself")));
}

TEST_F(SnapshotFetchLogTest, OneThatArrivesIsSaidInAnyCase) {
  to_.files_.set_capacity(12);
  fail();
  logged();
  to_.files_.set_capacity(std::nullopt);
  begin(sender_);
  EXPECT_EQ(sender_.outcome(), "arrived=1&id=77");
  EXPECT_THAT(logged(), ElementsAre("this node goes on from the snapshot at 100"));
  to_.files_.set_capacity(12);
  fail();
  EXPECT_THAT(logged(), SizeIs(2));
}

// The end.

TEST_F(SnapshotFetchTest, AStopEndsAWaitForAPart) {
  sender_.on_part_ = [](std::size_t, net::Response&) { return Does::kIsSilent; };
  begin(sender_);
  sender_.await_parts(1);
  fetch().close();
  EXPECT_EQ(fetch().report().failed, 1U);
  EXPECT_THAT(left_aside(), IsEmpty());
  // What had been told by now would come before this.
  client_.fetch({.address = sender_.contact().address, .target = "/last"}, 1000);
  EXPECT_THAT(asked(), ElementsAre("GET /peer/1/snapshot", "GET /last"));
}

TEST_F(SnapshotFetchTest, AStopEndsAWaitBeforeItAsksAgain) {
  sender_.on_part_ = [](std::size_t, net::Response&) { return Does::kCutsShort; };
  begin(sender_);
  clock_.await_sleeper(clock_.now() + options_.try_again);
  fetch().close();
  EXPECT_EQ(sender_.parts().size(), 1U);
}

TEST_F(SnapshotFetchTest, AStopEndsTheWaitAfterAFailure) {
  to_.begins_ = false;
  begin(sender_);
  clock_.await_sleeper(clock_.now() + options_.pause_after_failure);
  fetch().close();
  EXPECT_THAT(asked(), ElementsAre("GET /peer/1/snapshot"));
}

TEST_F(SnapshotFetchTest, AfterTheEndNothingBegins) {
  fetch().close();
  begin(sender_);
  fetch_.reset();  // which waits for what was begun
  EXPECT_THAT(asked(), IsEmpty());
}

}  // namespace
}  // namespace rqlite::cluster
