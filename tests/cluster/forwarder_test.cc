#include "cluster/forwarder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "cluster/peer_protocol.h"
#include "cluster/peer_stand_in.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_headers.h"
#include "net/raw_peer.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

// The client's side: what it is answered, in one piece or as it comes.
class ClientReply final : public net::Reply {
 public:
  void send(net::Response response) override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    response_ = std::move(response);
    ended_ = true;
    changed_.notify_all();
  }
  void send(std::unique_ptr<net::ResponseMaker> maker) override { send(maker->make()); }
  std::unique_ptr<net::BodyStream> begin(net::Response head) override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    response_ = std::move(head);
    return std::make_unique<Stream>(*this);
  }
  void upgrade(std::string, std::vector<std::pair<std::string_view, std::string>>,
               Takeover) override {
    ADD_FAILURE();
  }
  void post(std::function<void()> work) override { work(); }
  void send_after(std::chrono::nanoseconds, LateResponse) override {}
  void on_gone(std::function<void()>) override {}

  // Blocks until all is there. A body that was cut short ends with "<cut>".
  net::Response take() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!ended_) changed_.wait(mutex_);
    return response_;
  }

 private:
  class Stream final : public net::BodyStream {
   public:
    explicit Stream(ClientReply& reply) : reply_(reply) {}
    ~Stream() override {
      MutexLock lock(reply_.mutex_);
      if (!finished_) reply_.response_.body += "<cut>";
      reply_.ended_ = true;
      reply_.changed_.notify_all();
    }
    bool write(BytesView piece) override {
      MutexLock lock(reply_.mutex_);
      reply_.response_.body += piece;
      return true;
    }
    void finish() override { finished_ = true; }

   private:
    ClientReply& reply_;
    bool finished_ = false;
  };

  Mutex mutex_;
  CondVar changed_;
  bool ended_ GUARDED_BY(mutex_) = false;
  net::Response response_ GUARDED_BY(mutex_);
};

class ForwarderTest : public ::testing::Test {
 protected:
  ForwarderTest() {
    request_.method = "POST";
    request_.path = "/db/execute";
    request_.headers = &headers_;
    limits_.on_again = [this](const Status& why) {
      repeated_++;
      repeated_after_ = why.code();
    };
  }
  ~ForwarderTest() override { client_.close(); }

  // Forwards the request, and gives what the client hears.
  std::shared_ptr<ClientReply> begin(const std::string& address) {
    auto reply = std::make_shared<ClientReply>();
    handle_ = forwarder_.forward({address, {{"Rqlite-Cluster", "the cluster"}}}, request_, limits_,
                                 reply, [this, reply](const Status& why) {
                                   failed_ = why.code();
                                   reply->send(net::Response::text(599, why.text()));
                                 });
    return reply;
  }
  net::Response forward(const std::string& address) { return begin(address)->take(); }
  static std::string field(const net::Response& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }

  FakeHeaders headers_;
  net::Request request_;
  Forwarder::Limits limits_;
  FakeClock clock_;
  std::atomic<int> repeated_ = 0;
  std::atomic<Code> repeated_after_ = Code::kOk;
  std::atomic<Code> failed_ = Code::kOk;  // once the client has its answer
  net::Client client_{net::Client::Options()};
  Forwarder forwarder_{client_, clock_};
  net::CallHandle handle_;
};

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";

// What goes, and what comes back.

TEST_F(ForwarderTest, ARequestArrivesAsItIs) {
  PeerStandIn peer([](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>& reply) {
    reply->send(net::Response::json("{}"));
  });
  request_.path = "/db/ex ecute/\xc3\xa4?";
  request_.raw_query = "timings&q=%41+b";
  request_.body = "[\"SELECT 1\"]";
  headers_.fields = {{"Authorization", "Basic abc"}, {"Content-Type", "application/json"},
                     {"Idempotency-Key", "key"},     {"Accept", "a"},
                     {"Accept-Encoding", "gzip"},    {"Cookie", "secret"},
                     {"Connection", "close"},        {"Rqlite-Cluster", "another"}};
  const net::Response response = forward(peer.address());
  EXPECT_EQ(response.status, 200);
  ASSERT_THAT(peer.asked(), SizeIs(1));
  const PeerStandIn::Asked asked = peer.asked()[0];
  EXPECT_EQ(asked.method, "POST");
  EXPECT_EQ(asked.target, "/peer/1/forward/db/ex ecute/\xc3\xa4??timings&q=%41+b");
  EXPECT_EQ(asked.body, "[\"SELECT 1\"]");
  EXPECT_EQ(asked.header("Authorization"), "Basic abc");
  EXPECT_EQ(asked.header("Content-Type"), "application/json");
  EXPECT_EQ(asked.header("Idempotency-Key"), "key");
  EXPECT_EQ(asked.header("Accept"), "a");
  EXPECT_EQ(asked.header("Accept-Encoding"), "gzip");
  EXPECT_EQ(asked.header("Cookie"), "");
  EXPECT_EQ(asked.header("Rqlite-Cluster"), "the cluster");
}

TEST_F(ForwarderTest, AnAnswerComesBackAsItIs) {
  const PeerStandIn peer([](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>& reply) {
    net::Response response{401, net::kTextType, {}, "remote Execute not authorized"};
    response.headers.emplace_back("X-Rqlite-Served-By", "host:4002");
    response.headers.emplace_back("Retry-After", "1");
    response.headers.emplace_back("Set-Cookie", "no");
    reply->send(response);
  });
  const net::Response response = forward(peer.address());
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(response.body, "remote Execute not authorized");
  EXPECT_EQ(field(response, "X-Rqlite-Served-By"), "host:4002");
  EXPECT_EQ(field(response, "Retry-After"), "1");
  EXPECT_EQ(field(response, "Content-Type"), net::kTextType);
  EXPECT_EQ(field(response, "Set-Cookie"), "");
  EXPECT_EQ(repeated_, 0);
}

TEST_F(ForwarderTest, ALargeAnswerGoesThroughWhileItComes) {
  const Bytes large(3'000'000, 'x');
  const PeerStandIn peer(
      [&large](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>& reply) {
        reply->send(net::Response{200, net::kTextType, {}, large});
      });
  EXPECT_EQ(forward(peer.address()).body, large);
}

TEST_F(ForwarderTest, ALargeAnswerThatBreaksOffIsCutShort) {
  const net::RawPeer peer;
  const auto reply = begin(peer.address());
  {
    const net::RawConnection connection = peer.accept();
    (void)connection.read_until("\r\n\r\n");
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + Bytes(1'000'000, 'x'));
  }
  EXPECT_EQ(reply->take().body, Bytes(1'000'000, 'x') + "<cut>");
}

TEST_F(ForwarderTest, TheOtherNodesOwnFailureIsNoAnswer) {
  PeerStandIn peer([](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>& reply) {
    reply->send(failure({Code::kInvalid, "this node is of another cluster"}));
  });
  const net::Response response = forward(peer.address());
  EXPECT_EQ(response.status, 599);
  EXPECT_EQ(response.body,
            "another node answers at the leader's address: this node is of another cluster\n");
  EXPECT_THAT(peer.asked(), SizeIs(1));
}

TEST_F(ForwarderTest, ARefusalIsNoAnswerToACopyThatMayHaveBeenDone) {
  PeerStandIn peer([](const PeerStandIn::Asked& asked, const std::shared_ptr<net::Reply>& reply) {
    const int status = asked.body == "refused" ? 503 : asked.body == "wrong" ? 400 : 200;
    reply->send(net::Response::text(status, asked.body));
  });
  request_.body = "refused";
  EXPECT_EQ(forward(peer.address()).status, 503);
  bool is_in_doubt = false;
  limits_.is_in_doubt = [&] { return is_in_doubt; };
  EXPECT_EQ(forward(peer.address()).status, 503);
  is_in_doubt = true;
  const net::Response response = forward(peer.address());
  EXPECT_EQ(response.status, 599);
  EXPECT_EQ(response.body, "refused\n");
  EXPECT_EQ(failed_, Code::kUnavailable);
  request_.body = "done";
  EXPECT_EQ(forward(peer.address()).status, 200);
  request_.body = "wrong";  // every copy of it
  EXPECT_EQ(forward(peer.address()).status, 400);
}

// Again.

TEST_F(ForwarderTest, WhoeverCannotBeReachedIsTriedOnceMoreOverANewConnection) {
  const net::Response response = forward("127.0.0.1:1");
  EXPECT_EQ(response.status, 599);
  EXPECT_THAT(response.body, HasSubstr("127.0.0.1:1"));
  EXPECT_EQ(repeated_, 1);
  EXPECT_EQ(repeated_after_, Code::kUnavailable);
  EXPECT_EQ(client_.report()[0].fresh, 1u);
}

TEST_F(ForwarderTest, SoManyAttemptsAreMadeAndThenOne) {
  limits_.attempts = 4;
  EXPECT_EQ(forward("127.0.0.1:1").status, 599);
  EXPECT_EQ(repeated_, 4);
  EXPECT_EQ(client_.report()[0].dials, 5u);
  EXPECT_EQ(client_.report()[0].fresh, 1u);
}

TEST_F(ForwarderTest, WhatMayHaveArrivedIsNotSentAgain) {
  const net::RawPeer peer;
  limits_.attempts = 4;
  const auto reply = begin(peer.address());
  {
    const net::RawConnection connection = peer.accept();
    EXPECT_THAT(connection.read_until("\r\n\r\n"),
                StartsWith("POST /peer/1/forward/db/execute HTTP/1.1\r\n"));
  }
  EXPECT_EQ(reply->take().status, 599);
  EXPECT_EQ(repeated_, 0);
}

TEST_F(ForwarderTest, UnlessThatDoesNoHarm) {
  const net::RawPeer peer;
  limits_.may_repeat = true;
  const auto reply = begin(peer.address());
  {
    const net::RawConnection connection = peer.accept();
    (void)connection.read_until("\r\n\r\n");
  }
  const net::RawConnection again = peer.accept();
  (void)again.read_until("\r\n\r\n");
  again.send(kOk);
  EXPECT_EQ(reply->take().body, "done");
  EXPECT_EQ(repeated_, 1);
  EXPECT_EQ(repeated_after_, Code::kUnknown);
}

TEST_F(ForwarderTest, APeerThatWasStartedAgainIsReachedAtOnce) {
  const net::RawPeer peer;
  auto reply = begin(peer.address());
  {
    const net::RawConnection connection = peer.accept();
    (void)connection.read_until("\r\n\r\n");
    connection.send(kOk);
    EXPECT_EQ(reply->take().body, "done");
  }
  // The connection that was kept is dead, and nothing has been sent over it.
  reply = begin(peer.address());
  const net::RawConnection fresh = peer.accept();
  (void)fresh.read_until("\r\n\r\n");
  fresh.send(kOk);
  EXPECT_EQ(reply->take().body, "done");
}

TEST_F(ForwarderTest, WhoeverIsSilentCostsTheTimeout) {
  const net::RawPeer peer;
  limits_.timeout = 1ms;
  const net::Response response = forward(peer.address());
  EXPECT_EQ(response.status, 599);
  EXPECT_THAT(response.body, HasSubstr("i/o timeout"));
  EXPECT_EQ(repeated_, 0);
}

TEST_F(ForwarderTest, WhatTookAllItsTimeIsNotSentAgain) {
  const net::RawPeer peer;
  const SystemClock clock;
  Forwarder forwarder(client_, clock);
  limits_.timeout = 1ms;
  limits_.may_repeat = true;
  limits_.attempts = 100;
  auto reply = std::make_shared<ClientReply>();
  (void)forwarder.forward(
      {peer.address(), {}}, request_, limits_, reply,
      [reply](const Status& why) { reply->send(net::Response::text(599, why.text())); });
  EXPECT_THAT(reply->take().body, HasSubstr("i/o timeout"));
  EXPECT_EQ(repeated_, 0);
}

TEST_F(ForwarderTest, WhatIsSentAgainHasOnlyTheTimeThatIsLeft) {
  const net::RawPeer peer;
  limits_.timeout = 1h + 20ms;
  limits_.may_repeat = true;
  const auto reply = begin(peer.address());
  {
    const net::RawConnection connection = peer.accept();
    (void)connection.read_until("\r\n\r\n");
    clock_.advance(1h);
  }
  const net::RawConnection silent = peer.accept();
  EXPECT_THAT(reply->take().body, HasSubstr("i/o timeout"));
  EXPECT_EQ(repeated_, 1);
}

TEST_F(ForwarderTest, WhatNobodyWaitsForAnyMoreIsNotSentAgain) {
  const net::RawPeer peer;
  limits_.timeout = 2h;
  limits_.within = 1h;
  limits_.may_repeat = true;
  const auto reply = begin(peer.address());
  {
    const net::RawConnection connection = peer.accept();
    (void)connection.read_until("\r\n\r\n");
    clock_.advance(1h);
  }
  EXPECT_EQ(reply->take().status, 599);
  EXPECT_EQ(repeated_, 0);
}

TEST_F(ForwarderTest, WhatIsGivenUpIsNotSentAgain) {
  const net::RawPeer peer;
  limits_.may_repeat = true;
  limits_.attempts = 100;
  const auto reply = begin(peer.address());
  const net::RawConnection connection = peer.accept();
  (void)connection.read_until("\r\n\r\n");
  handle_.give_up();
  EXPECT_EQ(reply->take().status, 599);
  EXPECT_EQ(repeated_, 0);
}

TEST_F(ForwarderTest, AHandleMayOutliveTheCall) {
  PeerStandIn peer([](const PeerStandIn::Asked&, const std::shared_ptr<net::Reply>& reply) {
    reply->send(net::Response::bare(204));
  });
  EXPECT_EQ(forward(peer.address()).status, 204);
  handle_.give_up();
  EXPECT_THAT(peer.asked(), SizeIs(1));
}

// What it may have done.

constexpr std::size_t kMuch = 100 << 20;  // that fits into no socket's buffers

// Gives so many bytes.
class Source final : public net::BodySource {
 public:
  explicit Source(std::size_t size) : left_(size) {}
  void next(Then then) override {
    const std::size_t size = std::min<std::size_t>(left_, 64 << 10);
    left_ -= size;
    then(Bytes(size, 'x'));
  }

 private:
  std::size_t left_;
};

TEST_F(ForwarderTest, NothingCameOfARequestWhoseBodyWasNotAllSent) {
  const net::RawPeer peer;
  for (const bool comes_in_pieces : {true, false}) {
    request_.body = comes_in_pieces ? Bytes() : Bytes(kMuch, 'x');
    limits_.body = comes_in_pieces ? std::make_shared<Source>(kMuch) : nullptr;
    const auto reply = begin(peer.address());
    net::RawConnection connection = peer.accept();
    (void)connection.read_until("\r\n\r\n");
    connection.reset();
    EXPECT_THAT(reply->take().body, StartsWith("not all of the request was sent: "));
    EXPECT_EQ(failed_, Code::kUnavailable);
    EXPECT_EQ(repeated_, 0);
  }
}

TEST_F(ForwarderTest, NobodyKnowsWhatCameOfOneThatWasAllSent) {
  const net::RawPeer peer;
  for (const bool comes_in_pieces : {true, false}) {
    request_.body = comes_in_pieces ? "" : "[0\r\n\r\n";
    limits_.body = comes_in_pieces ? std::make_shared<Source>(100'000) : nullptr;
    const auto reply = begin(peer.address());
    net::RawConnection connection = peer.accept();
    (void)connection.read_until("0\r\n\r\n");
    connection.close();
    EXPECT_THAT(reply->take().body, StartsWith("read tcp "));
    EXPECT_EQ(failed_, Code::kUnknown);
    EXPECT_EQ(repeated_, 0);
  }
}

TEST_F(ForwarderTest, NothingCameOfOneThatNobodyTook) {
  (void)forward("127.0.0.1:1");
  EXPECT_EQ(failed_, Code::kUnavailable);
}

TEST_F(ForwarderTest, TimeThatIsUpIsNoneThatTheOtherNodeHad) {
  const net::RawPeer peer;
  limits_.timeout = 50ms;
  (void)forward(peer.address());
  EXPECT_EQ(failed_, Code::kUnknown);
  request_.body = Bytes(kMuch, 'x');
  EXPECT_THAT(forward(peer.address()).body, StartsWith("not all of the request was sent: "));
  EXPECT_EQ(failed_, Code::kUnavailable);
}

}  // namespace
}  // namespace rqlite::cluster
