#include "queue/batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace rqlite::queue {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class SilentWaiter final : public Waiter {
  void applied(std::uint64_t, raft::Index, command::RequestResult) override {}
  void failed(std::uint64_t, const Status&) override {}
};

// Limits in these tests: 4 requests and 16 bytes may wait, 2 are due at once, 8 bytes a batch, 5ms.
class BatcherTest : public ::testing::Test {
 protected:
  static constexpr Batcher::Limits kLimits{
      .capacity = 4, .bytes_max = 16, .batch_size = 2, .batch_bytes_max = 8, .timeout = 5ms};

  explicit BatcherTest(Batcher::Limits limits = kLimits) : batcher_(limits) {}

  Code push(const std::string& content, std::chrono::nanoseconds at = 0ms, bool waits = false) {
    const Status room = batcher_.has_room(content.size());
    if (!room.ok()) return room.code();
    Request request;
    request.encoded = content;
    if (waits) request.waiter = std::make_unique<SilentWaiter>();
    batcher_.push(std::move(request), TimePoint(at));
    return Code::kOk;
  }
  void push_all(const std::vector<std::string>& contents) {
    for (const std::string& each : contents) EXPECT_EQ(push(each), Code::kOk);
  }
  bool due(std::chrono::nanoseconds at) {
    return batcher_.due() && *batcher_.due() <= TimePoint(at);
  }
  std::string take() {
    std::string contents;
    for (const Request& each : batcher_.take().requests) {
      contents += (contents.empty() ? "" : " ") + each.encoded;
    }
    return contents;
  }

  Batcher batcher_;
};

TEST_F(BatcherTest, LoneRequestWaitsForCompanyButNotForEver) {
  push("a", 3ms);
  EXPECT_FALSE(due(7ms));
  EXPECT_TRUE(due(8ms));
}

TEST_F(BatcherTest, NothingIsDueWhenNothingWaits) {
  EXPECT_EQ(batcher_.due(), std::nullopt);
  push("a");
  EXPECT_EQ(take(), "a");
  EXPECT_EQ(batcher_.due(), std::nullopt);
}

TEST_F(BatcherTest, EnoughRequestsAreDueAtOnce) {
  push("a", 3ms);
  push("b", 3ms);
  EXPECT_TRUE(due(3ms));
}

TEST_F(BatcherTest, EnoughBytesAreDueAtOnce) {
  push("12345678", 3ms);
  EXPECT_TRUE(due(3ms));
}

TEST_F(BatcherTest, ARequestSomebodyWaitsForIsDueAtOnceAndTakesTheOthersAlong) {
  push("a", 3ms);
  EXPECT_FALSE(due(3ms));
  push("b", 3ms, /*waits=*/true);
  EXPECT_TRUE(due(3ms));
  EXPECT_EQ(take(), "a b");
  push("c", 4ms);
  EXPECT_FALSE(due(4ms));
}

TEST_F(BatcherTest, ABatchTakesAllThatWaitsNotOnlyEnough) {
  push_all({"a", "b", "c", "d"});
  EXPECT_EQ(take(), "a b c d");
}

TEST_F(BatcherTest, ABatchEndsBeforeTheRequestThatWouldNotFit) {
  push_all({"1234", "5678", "9", "0"});
  EXPECT_EQ(take(), "1234 5678");
  EXPECT_EQ(take(), "9 0");
}

TEST_F(BatcherTest, OversizedRequestTravelsAlone) {
  push_all({"0123456789", "b"});
  EXPECT_EQ(take(), "0123456789");
  EXPECT_EQ(take(), "b");
}

TEST_F(BatcherTest, FullQueueRefusesAndForgetsTheRequest) {
  push_all({"a", "b", "c", "d"});
  EXPECT_EQ(push("e"), Code::kFull);
  EXPECT_EQ(take(), "a b c d");
}

TEST_F(BatcherTest, AQueueFullOfBytesRefusesToo) {
  push_all({"0123456789"});
  EXPECT_EQ(push("0123456"), Code::kFull);
  EXPECT_EQ(push("012345"), Code::kOk);
  EXPECT_EQ(push("0"), Code::kFull);
  EXPECT_EQ(push(""), Code::kOk);
}

TEST_F(BatcherTest, ARequestThatCanNeverFitIsTooLarge) {
  EXPECT_EQ(push("0123456789abcdef"), Code::kOk);
  EXPECT_EQ(push("0123456789abcdefg"), Code::kTooLarge);
}

TEST_F(BatcherTest, DrainingMakesEverythingDue) {
  push("a", 3ms);
  batcher_.drain();
  EXPECT_TRUE(due(3ms));
  EXPECT_EQ(take(), "a");
  EXPECT_EQ(batcher_.due(), std::nullopt);
}

TEST_F(BatcherTest, TellsHowMuchWaitsAndSinceWhen) {
  push("abc", 3ms);
  push("de", 4ms);
  EXPECT_EQ(batcher_.requests(), 2u);
  EXPECT_EQ(batcher_.bytes(), 5u);
  EXPECT_EQ(batcher_.oldest(), TimePoint(3ms));
}

// Why a batch leaves.

TEST_F(BatcherTest, ABatchLeavesBecauseItsTimeIsUp) {
  push("a");
  EXPECT_EQ(batcher_.take().reason, FlushReason::kTime);
}

TEST_F(BatcherTest, ABatchLeavesBecauseItIsLargeEnough) {
  push_all({"a", "b"});
  EXPECT_EQ(batcher_.take().reason, FlushReason::kSize);
  push("12345678");
  EXPECT_EQ(batcher_.take().reason, FlushReason::kSize);
}

TEST_F(BatcherTest, ABatchLeavesBecauseSomebodyWaitsUnlessItIsLargeEnoughAnyway) {
  push("a", 0ms, /*waits=*/true);
  EXPECT_EQ(batcher_.take().reason, FlushReason::kWaiter);
  push("b", 0ms, /*waits=*/true);
  push("c");
  EXPECT_EQ(batcher_.take().reason, FlushReason::kSize);
}

TEST_F(BatcherTest, ABatchLeavesBecauseTheQueueIsDrained) {
  batcher_.drain();
  push("a");
  EXPECT_EQ(batcher_.take().reason, FlushReason::kDrain);
  push("b", 0ms, /*waits=*/true);
  EXPECT_EQ(batcher_.take().reason, FlushReason::kWaiter);
}

// What stays behind is judged by itself.
TEST_F(BatcherTest, TheRestOfALargeBatchHasItsOwnReason) {
  push_all({"12345678", "a"});
  EXPECT_EQ(batcher_.take().reason, FlushReason::kSize);
  EXPECT_FALSE(due(4ms));
  EXPECT_TRUE(due(5ms));
  EXPECT_EQ(batcher_.take().reason, FlushReason::kTime);
}

TEST_F(BatcherTest, ABatchKnowsWhenEachOfItsRequestsCame) {
  push("a", 3ms);
  push("b", 4ms, /*waits=*/true);
  EXPECT_THAT(batcher_.take().arrived, ElementsAre(TimePoint(3ms), TimePoint(4ms)));
}

class BatcherWithoutTimeoutTest : public BatcherTest {
 protected:
  BatcherWithoutTimeoutTest()
      : BatcherTest({.capacity = 4,
                     .bytes_max = 16,
                     .batch_size = 8,
                     .batch_bytes_max = 8,
                     .timeout = 0ms}) {}
};

TEST_F(BatcherWithoutTimeoutTest, WaitsUntilThereIsEnoughOrNoRoomForMore) {
  push_all({"a", "b", "c"});
  EXPECT_FALSE(due(1h));
  push("d");
  EXPECT_TRUE(due(0ms));
}

TEST(BatcherRandomTest, KeepsOrderAndBounds) {
  for (std::uint64_t seed = 1; seed <= 300; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const Batcher::Limits limits{.capacity = 1 + random.below(8),
                                 .bytes_max = 10 + random.below(50),
                                 .batch_size = 1 + random.below(8),
                                 .batch_bytes_max = 1 + random.below(30)};
    Batcher batcher(limits);
    std::uint64_t pushed = 0;
    std::uint64_t taken = 0;
    for (int step = 0; step < 300; step++) {
      if (random.chance(0.7)) {
        Request request;
        request.number = pushed + 1;
        request.encoded = Bytes(random.below(20), 'x');
        if (!batcher.has_room(request.encoded.size()).ok()) continue;
        batcher.push(std::move(request), TimePoint());
        pushed++;
      } else if (batcher.requests() > 0) {
        std::size_t bytes = 0;
        const Batch batch = batcher.take();
        ASSERT_FALSE(batch.requests.empty());
        ASSERT_EQ(batch.arrived.size(), batch.requests.size());
        for (const Request& each : batch.requests) {
          ASSERT_EQ(each.number, ++taken);
          bytes += each.encoded.size();
        }
        ASSERT_TRUE(batch.requests.size() == 1 || bytes <= limits.batch_bytes_max);
      }
      ASSERT_EQ(batcher.requests(), pushed - taken);
      ASSERT_LE(batcher.requests(), limits.capacity);
      ASSERT_LE(batcher.bytes(), limits.bytes_max);
    }
  }
}

}  // namespace
}  // namespace rqlite::queue
