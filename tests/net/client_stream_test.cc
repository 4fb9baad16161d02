#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "net/client_fixture.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;

// Keeps what comes until the test takes it.
class HeldReceiver final : public Receiver {
 public:
  void head(int status, const HeaderFields&) override { head_.set_value(status); }
  void piece(Bytes piece, Resume resume) override {
    {
      MutexLock lock(mutex_);
      EXPECT_FALSE(piece.empty());
      EXPECT_FALSE(resume_);  // the last one has not been resumed
      piece_ = std::move(piece);
      resume_ = std::move(resume);
    }
    changed_.notify_all();
  }
  void finished(const CallEnd& end) override {
    {
      MutexLock lock(mutex_);
      end_ = end;
    }
    changed_.notify_all();
  }

  int status() { return head_.get_future().get(); }
  // The next piece, which is resumed; empty at the end.
  Bytes take() {
    Bytes piece;
    Resume resume;
    {
      MutexLock lock(mutex_);
      while (!resume_ && !end_) changed_.wait(mutex_);
      piece = std::exchange(piece_, {});
      resume = std::exchange(resume_, nullptr);
    }
    if (resume) resume();
    return piece;
  }
  Bytes take_all() {
    Bytes all;
    for (Bytes piece; !(piece = take()).empty();) all += piece;
    return all;
  }
  CallEnd end() {
    MutexLock lock(mutex_);
    while (!end_) changed_.wait(mutex_);
    return *end_;
  }

 private:
  std::promise<int> head_;
  Mutex mutex_;
  CondVar changed_;
  Bytes piece_ GUARDED_BY(mutex_);
  Resume resume_ GUARDED_BY(mutex_);
  std::optional<CallEnd> end_ GUARDED_BY(mutex_);
};

// Gives what it was given, from a thread of its own or at once.
class ListSource final : public BodySource {
 public:
  explicit ListSource(std::deque<Result<Bytes>> pieces, bool at_once = true)
      : pieces_(std::move(pieces)), at_once_(at_once) {}
  ~ListSource() override {
    if (thread_.joinable()) thread_.join();
  }

  void next(Then then) override {
    if (pieces_.empty()) return then(Bytes());
    Result<Bytes> piece = std::move(pieces_.front());
    pieces_.pop_front();
    if (at_once_) return then(std::move(piece));
    if (thread_.joinable()) thread_.join();
    thread_ = std::thread(
        [then = std::move(then), piece = std::move(piece)]() mutable { then(std::move(piece)); });
  }

 private:
  std::deque<Result<Bytes>> pieces_;
  const bool at_once_;
  std::thread thread_;
};

// Never comes to an end.
class EndlessSource final : public BodySource {
 public:
  void next(Then then) override {
    asked_++;
    then(Bytes(kMebibyte, 'x'));
  }
  [[nodiscard]] int asked() const { return asked_; }

 private:
  std::atomic<int> asked_{0};
};

class ClientStreamTest : public ClientTest {
 protected:
  // A POST of these pieces.
  Call a_post(std::deque<Result<Bytes>> pieces, bool at_once = true) {
    Call call = a_call("/x");
    call.method = "POST";
    call.source = std::make_shared<ListSource>(std::move(pieces), at_once);
    return call;
  }
};

INSTANTIATE_TEST_SUITE_P(, ClientStreamTest, ::testing::Values(Transport::kPlain, Transport::kTls),
                         name_of);

TEST_P(ClientStreamTest, ABodyIsSentInPieces) {
  for (const bool at_once : {true, false}) {
    Call call = a_post({Bytes("ab"), Bytes("c"), Bytes("defg")}, at_once);
    EXPECT_EQ(text_of(client_.fetch(std::move(call), kMebibyte)), "200 POST /x? abcdefg\n");
  }
  EXPECT_EQ(text_of(client_.fetch(a_post({}), kMebibyte)), "200 POST /x? \n");
  std::deque<Result<Bytes>> many(100, Bytes(100'000, 'x'));
  EXPECT_EQ(text_of(client_.fetch(a_post(std::move(many)), kMebibyte)), "200 POST /x? 10000000\n");
  EXPECT_EQ(only(client_).dials, 1u);
}

TEST_P(ClientStreamTest, ASourceThatFailsEndsTheCall) {
  const CallResult result = client_.fetch(
      a_post({Bytes("ab"), Status(Code::kFailed, "the file cannot be read")}), kMebibyte);
  EXPECT_EQ(result.response.status(), Status(Code::kFailed, "the file cannot be read"));
  EXPECT_TRUE(result.sent);
  EXPECT_EQ(only(client_).open, 0u);
}

TEST_P(ClientStreamTest, AnAnswerComesInPieces) {
  auto receiver = std::make_shared<HeldReceiver>();
  client_.call(a_call("/hold"), receiver);
  const std::shared_ptr<Reply> reply = handler_.take();
  Bytes sent;
  for (int i = 0; sent.size() < 3'000'000; i++) sent += std::to_string(i) + " ";
  std::thread sends([&] {
    const std::unique_ptr<BodyStream> body = reply->begin(Response::json(sent.substr(0, 10)));
    for (std::size_t at = 10; at < sent.size(); at += 100'000) {
      EXPECT_TRUE(body->write(BytesView(sent).substr(at, 100'000)));
    }
    body->finish();
  });
  EXPECT_EQ(receiver->status(), 200);
  EXPECT_EQ(receiver->take_all(), sent);
  sends.join();
  EXPECT_TRUE(receiver->end().status.ok());
  EXPECT_EQ(only(client_).idle, 1u);
}

TEST_P(ClientStreamTest, AnAnswerThatIsCutShortIsNoWholeAnswer) {
  auto receiver = std::make_shared<HeldReceiver>();
  client_.call(a_call("/hold"), receiver);
  const std::shared_ptr<Reply> reply = handler_.take();
  // Gone without an end.
  reply->begin(Response::json("the beginning"));
  EXPECT_EQ(receiver->status(), 200);
  EXPECT_EQ(receiver->take_all(), "the beginning");
  EXPECT_EQ(receiver->end().status.code(), Code::kUnknown);
  EXPECT_THAT(receiver->end().status.text(), EndsWith("unexpected EOF"));
}

TEST_P(ClientStreamTest, ACallCanBeGivenUpWithinItsAnswer) {
  auto receiver = std::make_shared<HeldReceiver>();
  const CallHandle handle = client_.call(a_call("/hold"), receiver);
  const std::unique_ptr<BodyStream> body = handler_.take()->begin(Response::json("begins"));
  EXPECT_EQ(receiver->take(), "begins");
  handle.give_up();
  EXPECT_EQ(receiver->end().status, Status(Code::kUnknown, "the call was given up"));
}

TEST_P(ClientStreamTest, NoBodyMeansNoPiece) {
  auto receiver = std::make_shared<HeldReceiver>();
  Call call = a_call("/x");
  call.method = "HEAD";
  client_.call(std::move(call), receiver);
  EXPECT_EQ(receiver->status(), 200);
  EXPECT_EQ(receiver->take_all(), "");
  EXPECT_TRUE(receiver->end().status.ok());
}

class RawStreamTest : public RawPeerTest {
 protected:
  std::shared_ptr<HeldReceiver> begin_call(Call call) {
    auto receiver = std::make_shared<HeldReceiver>();
    client_.call(std::move(call), receiver);
    return receiver;
  }
};

TEST_F(RawStreamTest, ASlowReceiverHoldsThePeerUp) {
  const auto receiver = begin_call(a_call());
  const RawConnection connection = peer_.accept();
  (void)connection.read_until("abc");
  constexpr std::size_t kSize = 50'000'000;
  std::atomic<bool> sent{false};
  std::thread sends([&] {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kSize) + "\r\n\r\n");
    connection.send(std::string(kSize, 'x'));
    sent = true;
  });
  std::size_t got = receiver->take().size();
  // So much fits into no socket's buffers.
  EXPECT_FALSE(sent);
  for (Bytes piece; !(piece = receiver->take()).empty();) {
    EXPECT_LE(piece.size(), 1u << 20);
    got += piece.size();
  }
  sends.join();
  EXPECT_EQ(got, kSize);
  EXPECT_TRUE(receiver->end().status.ok());
}

TEST_F(RawStreamTest, AReceiverMayTakeItsTime) {
  Call call = a_call();
  call.timeout = 5ms;
  auto receiver = std::make_shared<HeldReceiver>();
  // Waits for longer than the timeout before it resumes.
  class Late final : public Receiver {
   public:
    explicit Late(std::shared_ptr<HeldReceiver> to) : to_(std::move(to)) {}
    void head(int status, const HeaderFields& fields) override { to_->head(status, fields); }
    void piece(Bytes piece, Resume resume) override {
      to_->piece(std::move(piece), [this, resume = std::move(resume)] { resume_ = resume; });
    }
    void finished(const CallEnd& end) override { to_->finished(end); }
    void resume() { resume_(); }

   private:
    const std::shared_ptr<HeldReceiver> to_;
    Resume resume_;
  };
  auto late = std::make_shared<Late>(receiver);
  client_.call(std::move(call), late);
  const RawConnection connection = peer_.accept();
  connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
  EXPECT_EQ(receiver->take(), "a");
  // Another call runs into its timeout meanwhile, which began later.
  Call other = a_call();
  other.timeout = 10ms;
  other.fresh = true;
  auto told = begin(std::move(other));
  EXPECT_EQ(told.get().response.status().code(), Code::kDeadline);
  connection.send("b");
  late->resume();
  EXPECT_EQ(receiver->take(), "b");
  late->resume();
  EXPECT_TRUE(receiver->end().status.ok());
}

TEST_F(RawStreamTest, ASourceIsAskedAsThePeerTakes) {
  Call call = a_call();
  call.body.clear();
  const auto source = std::make_shared<EndlessSource>();
  call.source = source;
  call.timeout = 50ms;
  auto told = begin(std::move(call));
  const RawConnection connection = peer_.accept();
  EXPECT_EQ(told.get().response.status().code(), Code::kDeadline);
  EXPECT_LT(source->asked(), 100);
}

TEST_F(RawStreamTest, PiecesAreSentAsChunks) {
  Call call = a_call();
  call.body.clear();
  call.source = std::make_shared<ListSource>(
      std::deque<Result<Bytes>>{Bytes("0123456789abcdef"), Bytes("x")});
  auto told = begin(std::move(call));
  const RawConnection connection = peer_.accept();
  EXPECT_EQ(connection.read_until("\r\n0\r\n\r\n"),
            "POST / HTTP/1.1\r\nHost: " + peer_.address() +
                "\r\nTransfer-Encoding: chunked\r\n\r\n"
                "10\r\n0123456789abcdef\r\n1\r\nx\r\n0\r\n\r\n");
  connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(text_of(told.get()), "200 ");
  EXPECT_EQ(only(client_).idle, 1u);
}

TEST_F(RawStreamTest, ItIsToldWhetherAllWasSent) {
  const auto end_of = [this](Call call, std::string_view read) {
    const auto receiver = begin_call(std::move(call));
    RawConnection connection = peer_.accept();
    (void)connection.read_until(read);
    connection.reset();
    return receiver->end();
  };
  Call pieces = a_call();
  pieces.body.clear();
  pieces.source = std::make_shared<EndlessSource>();
  EXPECT_FALSE(end_of(pieces, "\r\n\r\n").whole);
  pieces.source = std::make_shared<ListSource>(std::deque<Result<Bytes>>{Bytes("abc")});
  EXPECT_TRUE(end_of(pieces, "\r\n0\r\n\r\n").whole);
  Call body = a_call();
  EXPECT_TRUE(end_of(body, "abc").whole);
  body.body = std::string(50'000'000, 'x');
  const CallEnd end = end_of(body, "\r\n\r\n");
  EXPECT_FALSE(end.whole);
  EXPECT_TRUE(end.sent);
}

TEST_F(RawStreamTest, APeerThatHasAnsweredIsSentNoMore) {
  Call call = a_call();
  call.body.clear();
  const auto source = std::make_shared<EndlessSource>();
  call.source = source;
  auto told = begin(std::move(call));
  const RawConnection connection = peer_.accept();
  (void)connection.read_until("\r\n\r\n");
  connection.send("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_EQ(text_of(told.get()), "401 no");
  EXPECT_LT(source->asked(), 100);
  EXPECT_EQ(only(client_).open, 0u);
}

}  // namespace
}  // namespace rqlite::net
