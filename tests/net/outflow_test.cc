#include "net/outflow.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>

namespace rqlite::net {
namespace {

constexpr std::size_t kPiece = Outflow::kPieceBytes;

class OutflowTest : public ::testing::Test {
 protected:
  // What there is to take, as its size and its end.
  std::string take() {
    const Outflow::Taken taken = outflow_.take();
    const char* const ends[] = {"", " finished", " abandoned"};
    return std::to_string(taken.bytes.size()) + ends[static_cast<int>(taken.end)];
  }
  bool write(std::size_t bytes) { return outflow_.write(Bytes(bytes, 'x')); }

  int woken_ = 0;
  Outflow outflow_{[this] { woken_++; }};
};

TEST_F(OutflowTest, LittleWaitsForMore) {
  EXPECT_TRUE(write(kPiece - 1));
  EXPECT_EQ(take(), "0");
  EXPECT_EQ(woken_, 0);
  EXPECT_TRUE(write(1));
  EXPECT_EQ(woken_, 1);
  EXPECT_EQ(take(), std::to_string(kPiece));
}

TEST_F(OutflowTest, OnlyWhoFoundNothingIsWoken) {
  EXPECT_TRUE(write(kPiece));
  EXPECT_EQ(woken_, 0);
  EXPECT_EQ(take(), std::to_string(kPiece));
  EXPECT_EQ(take(), "0");
  EXPECT_TRUE(write(kPiece));
  EXPECT_EQ(woken_, 1);
  outflow_.finish();
  EXPECT_EQ(woken_, 1);
}

TEST_F(OutflowTest, TheEndWakesAndTakesTheRestAlong) {
  EXPECT_EQ(take(), "0");
  EXPECT_TRUE(write(5));
  EXPECT_EQ(woken_, 0);
  outflow_.finish();
  EXPECT_EQ(woken_, 1);
  EXPECT_EQ(take(), "5 finished");
}

TEST_F(OutflowTest, TheFirstEndCounts) {
  outflow_.finish();
  outflow_.abandon();
  EXPECT_EQ(take(), "0 finished");
}

TEST_F(OutflowTest, WhoGivesUpIsTold) {
  EXPECT_TRUE(write(5));
  outflow_.abandon();
  EXPECT_EQ(take(), "5 abandoned");
}

// A piece that is one byte short of being sent, and one that does not fit beside it in any bound
// of two pieces: nobody may wait for the other.
TEST_F(OutflowTest, AnOddPieceHoldsNobodyUp) {
  EXPECT_EQ(take(), "0");
  EXPECT_TRUE(write(kPiece - 1));
  EXPECT_TRUE(write(kPiece + 2));
  EXPECT_EQ(woken_, 1);
  EXPECT_EQ(take(), std::to_string(2 * kPiece + 1));
}

TEST_F(OutflowTest, APieceMayBeLargerThanAllBounds) {
  EXPECT_TRUE(write(10 * kPiece));
  EXPECT_EQ(take(), std::to_string(10 * kPiece));
}

TEST_F(OutflowTest, AWriterWaitsUntilTheRestIsTaken) {
  EXPECT_TRUE(write(kPiece));
  std::future<bool> written = std::async(std::launch::async, [this] { return write(7); });
  EXPECT_EQ(take(), std::to_string(kPiece));
  EXPECT_TRUE(written.get());
  outflow_.finish();
  EXPECT_EQ(take(), "7 finished");
}

TEST_F(OutflowTest, ClosingLetsAWriterGo) {
  EXPECT_TRUE(write(kPiece));
  std::future<bool> written = std::async(std::launch::async, [this] { return write(7); });
  outflow_.close();
  EXPECT_FALSE(written.get());
  EXPECT_FALSE(write(1));
}

// Everything arrives, in order, whoever is faster.
TEST_F(OutflowTest, NothingIsLostBetweenTwoThreads) {
  Mutex mutex;
  CondVar changed;
  bool awake = false;
  Outflow outflow([&] {
    MutexLock lock(mutex);
    awake = true;
    changed.notify_all();
  });
  Bytes sent;
  for (int i = 0; i < 300'000; i++) sent += static_cast<char>('a' + i % 23);
  std::thread writer([&] {
    for (int round = 0; round < 20; round++) {
      for (std::size_t at = 0; at < sent.size();) {
        const std::size_t size = std::min<std::size_t>(sent.size() - at, 1 + (at * 7919) % 70'000);
        ASSERT_TRUE(outflow.write(BytesView(sent).substr(at, size)));
        at += size;
      }
    }
    outflow.finish();
  });
  Bytes got;
  while (true) {
    Outflow::Taken taken = outflow.take();
    got += taken.bytes;
    if (taken.end == Outflow::End::kFinished) break;
    if (!taken.bytes.empty()) continue;
    MutexLock lock(mutex);
    while (!awake) changed.wait(mutex);
    awake = false;
  }
  writer.join();
  Bytes all;
  for (int round = 0; round < 20; round++) all += sent;
  EXPECT_TRUE(got == all);
}

}  // namespace
}  // namespace rqlite::net
