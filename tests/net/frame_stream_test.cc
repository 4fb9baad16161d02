#include "net/frame_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "net/server_fixture.h"
#include "net/socket.h"
#include "net/tls_dialer.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// What a stream hands out.
class Inbox {
 public:
  void put(Bytes frame) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    EXPECT_FALSE(closed_);
    frames_.push_back(std::move(frame));
    changed_.notify_all();
  }
  void close(const Status& why) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    EXPECT_FALSE(closed_);
    closed_ = why;
    changed_.notify_all();
  }

  // Blocks until there is one; "closed" if there is none to come.
  Bytes next() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (frames_.empty() && !closed_) changed_.wait(mutex_);
    if (frames_.empty()) return "closed";
    Bytes first = std::move(frames_.front());
    frames_.pop_front();
    return first;
  }
  // Blocks until the stream is closed.
  Status why_closed() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!closed_) changed_.wait(mutex_);
    return *closed_;
  }
  std::size_t size() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return frames_.size();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<Bytes> frames_ GUARDED_BY(mutex_);
  std::optional<Status> closed_ GUARDED_BY(mutex_);
};

// A stream and what it hands out.
struct End {
  std::unique_ptr<FrameStream> stream;
  std::shared_ptr<Inbox> inbox = std::make_shared<Inbox>();

  void start() const {
    stream->start([inbox = inbox](Bytes frame) { inbox->put(std::move(frame)); },
                  [inbox = inbox](const Status& why) { inbox->close(why); });
  }
};

Bytes wire(BytesView content) {
  Bytes bytes;
  append_number(bytes, static_cast<std::uint32_t>(content.size()));
  return bytes += content;
}

FrameStream::Options with_frames_up_to(std::size_t bytes) {
  FrameStream::Options options;
  options.frame_bytes_max = bytes;
  return options;
}

// A server's connection that became a stream, and a client that writes and reads its bytes.
class FrameStreamTest : public ServerTest {
 protected:
  // With what comes behind the request at once.
  End upgrade(RawClient& client, BytesView early = {}, FrameStream::Options options = {}) {
    client.send(
        "GET /hold HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: frames\r\n\r\n"s.append(
            early));
    std::promise<std::unique_ptr<FrameStream>> stream;
    handler_.take()->upgrade(
        "frames", {}, [&](std::unique_ptr<Socket> socket, const Bytes& received) {
          stream.set_value(std::make_unique<FrameStream>(std::move(socket), received, options));
        });
    EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 101 "));
    return {stream.get_future().get()};
  }
  End start(RawClient& client, FrameStream::Options options = {}) {
    End end = upgrade(client, {}, options);
    end.start();
    return end;
  }
  // The next frame that the client gets.
  static Bytes read_frame(RawClient& client) {
    const Bytes head = client.read_bytes(4);
    return head.size() < 4 ? "the end" : client.read_bytes(load_number<std::uint32_t>(head.data()));
  }
};

INSTANTIATE_TEST_SUITE_P(, FrameStreamTest, ::testing::Values(Transport::kPlain, Transport::kTls),
                         name_of);

TEST_P(FrameStreamTest, FramesGoBothWays) {
  RawClient client = connect();
  const End end = start(client);
  client.send(wire("one") + wire("") + wire("two").substr(0, 5));
  EXPECT_EQ(end.inbox->next(), "one");
  EXPECT_EQ(end.inbox->next(), "");
  client.send(wire("two").substr(5));
  EXPECT_EQ(end.inbox->next(), "two");
  EXPECT_TRUE(end.stream->send("three"));
  EXPECT_TRUE(end.stream->send(""));
  EXPECT_TRUE(end.stream->send("fo", "ur"));
  EXPECT_EQ(client.read_bytes(9 + 4 + 8), wire("three") + wire("") + wire("four"));
  EXPECT_EQ(end.stream->waiting_bytes(), 0u);
}

TEST_P(FrameStreamTest, WhatCameWithTheRequestIsNotLost) {
  RawClient client = connect();
  const End end = upgrade(client, wire("early") + wire("bird").substr(0, 6));
  end.start();
  client.send(wire("bird").substr(6));
  EXPECT_EQ(end.inbox->next(), "early");
  EXPECT_EQ(end.inbox->next(), "bird");
}

TEST_P(FrameStreamTest, SilenceIsNoticedAndNothingIsHeldBack) {
  RawClient client = connect();
  client.send("GET /hold HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: frames\r\n\r\n");
  std::promise<void> done;
  handler_.take()->upgrade("frames", {}, [&](std::unique_ptr<Socket> socket, const Bytes&) {
    const int number = socket->native_handle();
    FrameStream::Options options;
    options.silence_max = 7s;
    const FrameStream stream(std::move(socket), "", options);
    const auto option = [&](int level, int name) {
      int value = 0;
      socklen_t size = sizeof value;
      EXPECT_EQ(::getsockopt(number, level, name, &value, &size), 0);
      return value;
    };
    EXPECT_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 7000);
    EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_LT(option(IPPROTO_TCP, TCP_KEEPIDLE), 7);
    EXPECT_LT(option(IPPROTO_TCP, TCP_KEEPINTVL), 7);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_NODELAY), 1);
    done.set_value();
  });
  done.get_future().wait();
}

TEST_P(FrameStreamTest, WhatIsSentBeforeTheStartIsSent) {
  RawClient client = connect();
  const End end = upgrade(client);
  EXPECT_TRUE(end.stream->send("at once"));
  EXPECT_EQ(read_frame(client), "at once");
  end.start();
}

TEST_P(FrameStreamTest, LargeFramesArriveInPieces) {
  RawClient client = connect();
  const End end = start(client);
  const Bytes content(5'000'000, 'x');
  client.send(wire(content) + wire("small"));
  EXPECT_EQ(end.inbox->next(), content);
  EXPECT_EQ(end.inbox->next(), "small");
}

TEST_P(FrameStreamTest, WhatThePeerDoesNotTakeWaits) {
  RawClient client = connect();
  const End end = start(client);
  std::vector<Bytes> sent;
  // More than the system keeps, small ones among large ones.
  for (std::size_t i = 0; i < 40; i++) {
    sent.emplace_back(i % 4 == 0 ? 4'000'000 : 1000 * i, static_cast<char>('a' + i % 26));
    EXPECT_TRUE(end.stream->send(
        BytesView(sent.back()).substr(0, 10),
        BytesView(sent.back()).substr(std::min<std::size_t>(10, sent.back().size()))));
  }
  EXPECT_GT(end.stream->waiting_bytes(), 0u);
  for (const Bytes& each : sent) EXPECT_EQ(read_frame(client), each);
  EXPECT_EQ(end.stream->waiting_bytes(), 0u);
  EXPECT_TRUE(end.stream->send("again"));
  EXPECT_EQ(read_frame(client), "again");
}

TEST_P(FrameStreamTest, WhatFindsNoRoomIsRefused) {
  RawClient client = connect();
  FrameStream::Options options;
  options.waiting_bytes_max = 1'000'000;
  const End end = start(client, options);
  int accepted = 0;
  while (end.stream->send(Bytes(300'000, 'x'))) accepted++;
  EXPECT_LE(end.stream->waiting_bytes(), 1'000'000u);
  EXPECT_GT(end.stream->waiting_bytes(), 400'000u);
  for (int i = 0; i < accepted; i++) EXPECT_EQ(read_frame(client).size(), 300'000u);
  EXPECT_TRUE(end.stream->send("room again"));
  EXPECT_EQ(read_frame(client), "room again");
}

TEST_P(FrameStreamTest, AFrameMayWaitAloneHoweverLargeItIs) {
  RawClient client = connect();
  FrameStream::Options options;
  options.waiting_bytes_max = 1000;
  const End end = start(client, options);
  const Bytes content(40'000'000, 'x');
  EXPECT_TRUE(end.stream->send(content));
  EXPECT_FALSE(end.stream->send("no room"));
  EXPECT_EQ(read_frame(client), content);
}

TEST_P(FrameStreamTest, TooLargeFramesAreNotSent) {
  RawClient client = connect();
  const End end = start(client, with_frames_up_to(1000));
  EXPECT_FALSE(end.stream->send(Bytes(1001, 'x')));
  EXPECT_FALSE(end.stream->send(Bytes(1000, 'x'), "y"));
  EXPECT_TRUE(end.stream->send(Bytes(500, 'x'), Bytes(500, 'x')));
  EXPECT_EQ(read_frame(client), Bytes(1000, 'x'));
}

TEST_P(FrameStreamTest, ATooLargeFrameEndsTheStream) {
  RawClient client = connect();
  const End end = start(client, with_frames_up_to(1000));
  client.send(wire("fine") + "\xff\xff\xff\xff");
  EXPECT_EQ(end.inbox->next(), "fine");
  EXPECT_EQ(end.inbox->why_closed(),
            Status(Code::kInvalid, "a frame of 4294967295 bytes, where 1000 are allowed"));
  EXPECT_FALSE(end.stream->send("too late"));
  EXPECT_EQ(client.read_all(), "");
}

TEST_P(FrameStreamTest, ThePeerMayCloseTheConnection) {
  auto client = std::make_unique<RawClient>(server_->address(), client_tls());
  const End end = start(*client);
  client->send(wire("last words") + wire("cut short").substr(0, 7));
  client = nullptr;
  EXPECT_EQ(end.inbox->next(), "last words");
  EXPECT_EQ(end.inbox->why_closed().code(), Code::kUnavailable);
  EXPECT_FALSE(end.stream->send("to nobody"));
}

TEST_P(FrameStreamTest, AClosedStreamIsGone) {
  RawClient client = connect();
  const End end = start(client);
  end.stream->close();
  EXPECT_FALSE(end.stream->send("too late"));
  end.stream->close();
  EXPECT_EQ(end.inbox->why_closed(), Status());
  EXPECT_EQ(server_->report().connections, 0u);
  EXPECT_EQ(client.read_all(), "");
  EXPECT_TRUE(client.was_told_the_end());
}

TEST_P(FrameStreamTest, OneThatIsClosedBeforeItStartsSaysSo) {
  RawClient client = connect();
  const End end = upgrade(client, wire("early"));
  end.stream->close();
  end.start();
  EXPECT_EQ(end.inbox->why_closed(), Status());
  EXPECT_EQ(end.inbox->size(), 0u);
}

TEST_P(FrameStreamTest, OneThatNeverStartsGoesQuietly) {
  RawClient client = connect();
  End end = upgrade(client);
  end.stream = nullptr;
  EXPECT_EQ(client.read_all(), "");
}

TEST_P(FrameStreamTest, WhatWaitsAtTheCloseIsLost) {
  RawClient client = connect();
  const End end = start(client);
  EXPECT_TRUE(end.stream->send(Bytes(40'000'000, 'x')));
  EXPECT_GT(end.stream->waiting_bytes(), 0u);
  end.stream->close();
  EXPECT_EQ(end.inbox->why_closed(), Status());
  EXPECT_EQ(end.stream->waiting_bytes(), 0u);
  EXPECT_LT(client.read_all().size(), 40'000'000u);
}

TEST_P(FrameStreamTest, AFrameMayCloseTheStreamBeforeTheNext) {
  RawClient client = connect();
  End end = upgrade(client, wire("one") + wire("two") + wire("three"));
  end.stream->start(
      [&](Bytes frame) {
        end.inbox->put(std::move(frame));
        end.stream->close();
      },
      [&](const Status& why) { end.inbox->close(why); });
  EXPECT_EQ(end.inbox->why_closed(), Status());
  EXPECT_EQ(end.inbox->next(), "one");
  EXPECT_EQ(end.inbox->next(), "closed");
}

TEST_P(FrameStreamTest, AFrameMayDestroyTheStreamAndAnotherAnswer) {
  RawClient client = connect();
  End end = upgrade(client, wire("echo") + wire("destroy") + wire("late"));
  end.stream->start(
      [&](const Bytes& frame) {
        if (frame == "echo") return (void)end.stream->send("and ", frame);
        if (frame == "destroy") end.stream = nullptr;
        EXPECT_NE(frame, "late");
      },
      [inbox = end.inbox](const Status& why) { inbox->close(why); });
  EXPECT_EQ(read_frame(client), "and echo");
  EXPECT_EQ(end.inbox->why_closed(), Status());
}

TEST_P(FrameStreamTest, AStopFindsThemEnded) {
  RawClient client = connect();
  End end = start(client);
  std::weak_ptr<Inbox> called = end.inbox;
  end.stream->close();
  end.inbox = nullptr;
  server_->stop(60s);
  EXPECT_TRUE(called.expired());  // what would be called is gone
  server_->join();
}

TEST_P(FrameStreamTest, ManyThreadsMaySendWhileOthersReceive) {
  constexpr int kFrames = 300;
  RawClient client = connect();
  const End end = start(client);
  std::vector<std::thread> senders;
  for (char name = 'a'; name < 'e'; name++) {
    senders.emplace_back([&, name] {
      for (int i = 0; i < kFrames; i++) {
        const Bytes number = std::to_string(i);
        EXPECT_TRUE(end.stream->send(Bytes(1, name),
                                     number + Bytes(static_cast<std::size_t>(i) * 37 % 5000, '.')));
      }
    });
  }
  std::map<char, int> next;
  for (int i = 0; i < 4 * kFrames; i++) {
    client.send(wire("frame " + std::to_string(i)));
    const Bytes frame = read_frame(client);
    EXPECT_EQ(std::stoi(frame.substr(1)), next[frame[0]]++);
  }
  for (std::thread& each : senders) each.join();
  EXPECT_THAT(next, ElementsAre(std::pair('a', kFrames), std::pair('b', kFrames),
                                std::pair('c', kFrames), std::pair('d', kFrames)));
  for (int i = 0; i < 4 * kFrames; i++) {
    EXPECT_EQ(end.inbox->next(), "frame " + std::to_string(i));
  }
}

// Two streams that talk to each other, each on a thread of its own, over a connection that takes
// little at once.
class FrameStreamPairTest : public ::testing::TestWithParam<Transport> {
 protected:
  using tcp = boost::asio::ip::tcp;

  FrameStreamPairTest() {
    if (GetParam() == Transport::kPlain) return;
    const PemPair pair = Authority("an authority").issue({"localhost"});
    EXPECT_TRUE(disk_.replace_file("/cert", pair.certificate).ok());
    EXPECT_TRUE(disk_.replace_file("/key", pair.key).ok());
    TlsContext::Options server;
    server.certificate_file = "/cert";
    server.key_file = "/key";
    tls_ = *TlsContext::open(server, disk_, clock_);
    TlsDialer::Options client;
    client.verify_server = false;
    dialer_ = *TlsDialer::open(client, disk_, clock_);
  }

  struct Loop {
    boost::asio::io_context io{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
        io.get_executor()};
    std::thread thread{[this] { io.run(); }};

    ~Loop() {
      work.reset();
      thread.join();
    }
  };

  // What one end sends and the other receives: each thread's frames complete and in order.
  static void expect_all(Inbox& inbox, int threads, int frames) {
    std::map<char, int> next;
    for (int i = 0; i < threads * frames; i++) {
      const Bytes frame = inbox.next();
      ASSERT_NE(frame, "closed");
      EXPECT_EQ(std::stoi(frame.substr(1)), next[frame[0]]++);
    }
  }

  // So small that frames wait, and not smaller: Linux sends what is less than a segment only when a
  // timer ends, which what comes the other way puts off for as long as it comes.
  static constexpr int kReceiveBufferBytes = 64 << 10;

  std::pair<End, End> connect(FrameStream::Options options = {}) {
    tcp::acceptor acceptor(left_.io);
    acceptor.open(tcp::v4());
    acceptor.set_option(boost::asio::socket_base::receive_buffer_size(kReceiveBufferBytes));
    acceptor.bind({boost::asio::ip::address_v4::loopback(), 0});
    acceptor.listen();
    tcp::socket to(right_.io);
    to.open(tcp::v4());
    to.set_option(boost::asio::socket_base::receive_buffer_size(kReceiveBufferBytes));
    to.connect(acceptor.local_endpoint());
    tcp::socket from = acceptor.accept(left_.io);
    from.set_option(boost::asio::socket_base::send_buffer_size(4096));
    to.set_option(boost::asio::socket_base::send_buffer_size(4096));
    auto left = std::make_unique<Socket>(std::move(from));
    auto right = std::make_unique<Socket>(std::move(to));
    if (tls_) shake_hands(*left, *right);
    std::pair<End, End> ends;
    ends.first.stream = std::make_unique<FrameStream>(std::move(left), "", options);
    ends.second.stream = std::make_unique<FrameStream>(std::move(right), "", options);
    ends.first.start();
    ends.second.start();
    return ends;
  }

  void shake_hands(Socket& server, Socket& client) {
    std::promise<void> served;
    std::promise<void> dialled;
    boost::asio::post(server.executor(), [&] {
      server.async_handshake(tls_->new_session(server.native_handle()),
                             [&](const Socket::Error& error, std::size_t) {
                               EXPECT_FALSE(error);
                               served.set_value();
                             });
    });
    boost::asio::post(client.executor(), [&] {
      client.async_handshake(dialer_->new_session(client.native_handle(), "localhost"),
                             [&](const Socket::Error& error, std::size_t) {
                               EXPECT_FALSE(error);
                               dialled.set_value();
                             });
    });
    served.get_future().wait();
    dialled.get_future().wait();
  }

  const SystemClock clock_;
  SimFileSystem disk_;
  std::unique_ptr<TlsContext> tls_;  // null: plain
  std::unique_ptr<TlsDialer> dialer_;
  Loop left_;
  Loop right_;
};

INSTANTIATE_TEST_SUITE_P(, FrameStreamPairTest,
                         ::testing::Values(Transport::kPlain, Transport::kTls), name_of);

TEST_P(FrameStreamPairTest, BothEndsSendFromManyThreads) {
  constexpr int kFrames = 500;
  const auto [left, right] = connect();
  std::vector<std::thread> senders;
  for (const End* end : {&left, &right}) {
    for (char name = 'a'; name < 'd'; name++) {
      senders.emplace_back([end, name] {
        for (int i = 0; i < kFrames; i++) {
          const std::size_t size = i % 50 == 0 ? 100'000 : static_cast<std::size_t>(i) * 7;
          EXPECT_TRUE(end->stream->send(name + std::to_string(i), Bytes(size, '.')));
        }
      });
    }
  }
  expect_all(*left.inbox, 3, kFrames);
  expect_all(*right.inbox, 3, kFrames);
  for (std::thread& each : senders) each.join();
  left.stream->close();
  EXPECT_EQ(left.inbox->why_closed(), Status());
  EXPECT_EQ(right.inbox->why_closed().code(), Code::kUnavailable);
}

TEST_P(FrameStreamPairTest, EitherEndMayCloseWhileAllSend) {
  FrameStream::Options options;
  options.waiting_bytes_max = 50'000;
  for (int round = 0; round < 50; round++) {
    const auto [left, right] = connect(options);
    std::atomic<bool> closed = false;
    std::vector<std::thread> senders;
    for (const End* end : {&left, &right}) {
      for (char name = 'a'; name < 'c'; name++) {
        senders.emplace_back([&closed, end, name] {
          for (int i = 0; !closed; i++) {
            (void)end->stream->send(name + std::to_string(i), Bytes(3000, '.'));
          }
        });
      }
    }
    for (int i = 0; i < round; i++) (void)right.inbox->next();
    (round % 2 == 0 ? left : right).stream->close();
    if (round % 3 == 0) (round % 2 == 0 ? right : left).stream->close();
    (void)left.inbox->why_closed();
    (void)right.inbox->why_closed();
    closed = true;
    for (std::thread& each : senders) each.join();
    EXPECT_FALSE(left.stream->send("too late"));
    EXPECT_FALSE(right.stream->send("too late"));
  }
}

// The way to the peer.

TEST_P(FrameStreamTest, TheWayToThePeerAndBackTakesItsTimeUntilTheStreamIsClosed) {
  RawClient client = connect();
  const End end = start(client);
  client.send(wire("a"));
  EXPECT_EQ(end.inbox->next(), "a");
  ASSERT_TRUE(end.stream->round_trip().has_value());
  EXPECT_GT(end.stream->round_trip()->count(), 0);
  end.stream->close();
  EXPECT_EQ(end.inbox->why_closed(), Status());
  EXPECT_FALSE(end.stream->round_trip().has_value());
}

}  // namespace
}  // namespace rqlite::net
