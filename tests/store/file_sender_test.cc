#include "store/file_sender.h"

#include <gtest/gtest.h>

#include <deque>

#include "base/worker.h"
#include "fakes/sim_file_system.h"

namespace rqlite::store {
namespace {

constexpr std::uint64_t kBytes = 10 * FileSender::kPieceBytes + 5;
constexpr std::uint64_t kNumber = 77;

// The log: takes pieces in, and applies them on another thread.
class FakeLog {
 public:
  ~FakeLog() { worker_.finish(); }

  void propose(const command::Piece& piece, std::unique_ptr<Write> write) {
    MutexLock lock(mutex_);
    waiting_.push_back(std::move(write));
    waiting_max = std::max(waiting_max, waiting_.size());
    if (piece.bytes.empty()) {
      given_up = piece.file == kNumber;
    } else {
      EXPECT_EQ(piece.file, kNumber);
      EXPECT_EQ(piece.offset, content.size());
      content += piece.bytes;
    }
    const Status status = piece.offset == fails_at ? failure : Status();
    worker_.post([this, status] { apply(status); });
  }

  std::uint64_t fails_at = UINT64_MAX;
  Status failure;
  Bytes content;
  bool given_up = false;
  std::size_t waiting_max = 0;

 private:
  void apply(const Status& status) {
    std::unique_ptr<Write> write;
    {
      MutexLock lock(mutex_);
      write = std::move(waiting_.front());
      waiting_.pop_front();
    }
    if (!status.ok()) return write->failed(status);
    write->applied(raft::Index(1), {});
  }

  Mutex mutex_;
  std::deque<std::unique_ptr<Write>> waiting_;
  Worker worker_{"log"};
};

class FileSenderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Random random(3);
    while (content_.size() < kBytes) content_ += static_cast<char>(random.next());
    ASSERT_TRUE(files_.make_directories("/data").ok());
    ASSERT_TRUE(files_.replace_file("/data/file", content_).ok());
  }
  Status send(std::uint64_t bytes = kBytes) {
    return FileSender(files_, "/data/file", {kNumber, bytes},
                      [this](const command::Piece& piece, std::unique_ptr<Write> write) {
                        log_.propose(piece, std::move(write));
                      })
        .run();
  }

  SimFileSystem files_;
  Bytes content_;
  FakeLog log_;
};

TEST_F(FileSenderTest, SendsAllOfItInOrderAFewPiecesAtATime) {
  EXPECT_TRUE(send().ok());
  EXPECT_EQ(log_.content, content_);
  EXPECT_FALSE(log_.given_up);
  EXPECT_LE(log_.waiting_max, static_cast<std::size_t>(FileSender::kOnTheirWayMax));
}

TEST_F(FileSenderTest, GivesUpWhenAPieceFails) {
  log_.fails_at = 3 * FileSender::kPieceBytes;
  log_.failure = {Code::kUnknown, "leadership lost"};
  const Status status = send();
  // A piece alone changes nothing, so that what is unknown of it does not matter.
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.text(), "the database was not loaded: leadership lost");
  EXPECT_TRUE(log_.given_up);
  EXPECT_LE(log_.content.size(), 7 * FileSender::kPieceBytes);
}

TEST_F(FileSenderTest, TheLastPieceMayFailToo) {
  log_.fails_at = 10 * FileSender::kPieceBytes;
  log_.failure = {Code::kDiskFull, "disk is full"};
  EXPECT_EQ(send().code(), Code::kDiskFull);
  EXPECT_TRUE(log_.given_up);
}

TEST_F(FileSenderTest, AFileThatIsShorterThanItWasIsGivenUp) {
  EXPECT_EQ(send(kBytes + 1).code(), Code::kFailed);
  EXPECT_TRUE(log_.given_up);
}

}  // namespace
}  // namespace rqlite::store
