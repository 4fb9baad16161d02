#include "http/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "fakes/sim_file_system.h"
#include "http/outflow.h"
#include "http/tls_client.h"
#include "http/tls_context.h"

namespace rqlite::http {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Answers with what it was asked; "/hold" is left to the test, "/drop" is never answered.
class EchoHandler final : public Handler {
 public:
  void handle(Request request, std::shared_ptr<Reply> reply) override {
    if (request.path == "/hold") {
      {
        MutexLock lock(mutex_);
        held_.push_back(std::move(reply));
      }
      changed_.notify_all();
      return;
    }
    if (request.path == "/drop") return;
    if (request.path == "/post") {
      reply->post([reply] { reply->send(Response::text(200, "posted")); });
      return;
    }
    if (request.path == "/watch") {
      reply->on_gone([this] {
        MutexLock lock(mutex_);
        gone_ = true;
        changed_.notify_all();
      });
      MutexLock lock(mutex_);
      held_.push_back(std::move(reply));
      changed_.notify_all();
      return;
    }
    if (request.path == "/late") {
      reply->send_after(0s, [] { return std::optional(Response::text(408, "too late")); });
      MutexLock lock(mutex_);
      held_.push_back(std::move(reply));
      return;
    }
    reply->send(Response::text(
        200, request.method + " " + request.path + "?" + request.raw_query + " " +
                 (request.body.size() > 20 ? std::to_string(request.body.size()) : request.body)));
  }

  // Blocks until a request is held.
  std::shared_ptr<Reply> take() {
    MutexLock lock(mutex_);
    while (held_.empty()) changed_.wait(mutex_);
    std::shared_ptr<Reply> first = std::move(held_.front());
    held_.pop_front();
    return first;
  }

  // Blocks until somebody who wanted to know heard that the client is gone.
  void await_gone() {
    MutexLock lock(mutex_);
    while (!gone_) changed_.wait(mutex_);
  }
  [[nodiscard]] bool gone() {
    MutexLock lock(mutex_);
    return gone_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::shared_ptr<Reply>> held_ GUARDED_BY(mutex_);
  bool gone_ GUARDED_BY(mutex_) = false;
};

// A client's end of a connection.
class Client {
 public:
  // `tls` says how it speaks TLS; nullopt: it does not.
  Client(const std::string& address, const std::optional<TlsClient::Options>& tls)
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    if (!tls) return;
    tls_.emplace(socket_, *tls);
    EXPECT_EQ(tls_->handshake(), TlsClient::Outcome::kDone);
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;

  void send(std::string_view bytes) {
    if (tls_) return (void)tls_->write(bytes);
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the server has heard enough
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // Everything up to and with `end`; less if the server closes the connection before.
  std::string read_until(std::string_view end) {
    std::string text;
    char c = 0;
    while (!text.ends_with(end) && receive(&c, 1) == 1) text += c;
    return text;
  }
  // All that comes until the server closes the connection.
  std::string read_all() {
    std::string text;
    char buffer[4096];
    for (std::size_t got; (got = receive(buffer, sizeof buffer)) > 0;) text.append(buffer, got);
    return text;
  }
  // Whether it was the server that ended what was read, and not somebody who cut the wire. Anybody
  // can end a connection without TLS.
  [[nodiscard]] bool was_told_the_end() const { return told_the_end_; }
  void say_end() { EXPECT_EQ(tls_->say_end(), TlsClient::Outcome::kDone); }

 private:
  // 0 at the end.
  std::size_t receive(char* to, std::size_t size) {
    std::size_t got = 0;
    if (tls_) {
      const TlsClient::Outcome outcome = tls_->read(to, size, got);
      told_the_end_ = outcome == TlsClient::Outcome::kEnd;
      return outcome == TlsClient::Outcome::kDone ? got : 0;
    }
    const ssize_t received = ::recv(socket_, to, size, 0);
    told_the_end_ = received == 0;
    return received > 0 ? static_cast<std::size_t>(received) : 0;
  }

  const int socket_;
  std::optional<TlsClient> tls_;
  bool told_the_end_ = false;
};

enum class Transport { kPlain, kTls };

std::string name_of(const ::testing::TestParamInfo<Transport>& info) {
  return info.param == Transport::kTls ? "Tls" : "Plain";
}

// A server on a port of its own.
class AServerTest : public ::testing::Test {
 protected:
  AServerTest(Transport transport, ServerLimits limits) {
    Server::Options options;
    if (transport == Transport::kTls) options.tls = open_tls();
    options.host = "127.0.0.1";
    options.port = "0";
    options.limits = limits;
    options.headers = {{"X-Rqlite-Version", "v1"}};
    Result<std::unique_ptr<Server>> server = Server::listen(std::move(options), handler_);
    EXPECT_TRUE(server.ok()) << server.status().text();
    server_ = std::move(*server);
  }

  TlsContext* open_tls() {
    const PemPair pair = authority_.issue({"localhost"});
    EXPECT_TRUE(disk_.replace_file("/cert", pair.certificate).ok());
    EXPECT_TRUE(disk_.replace_file("/key", pair.key).ok());
    EXPECT_TRUE(disk_.replace_file("/ca", authority_.pem()).ok());
    TlsContext::Options options;
    options.certificate_file = "/cert";
    options.key_file = "/key";
    tls_ = *TlsContext::open(options, disk_, clock_);
    return tls_.get();
  }
  [[nodiscard]] std::optional<TlsClient::Options> client_tls() const {
    if (!tls_) return std::nullopt;
    return TlsClient::Options{authority_.pem(), std::nullopt, 0, {}};
  }
  Client connect() { return Client(server_->address(), client_tls()); }
  // The whole answer to one request, after which the server closes.
  std::string ask(std::string_view bytes) {
    Client client = connect();
    client.send(bytes);
    std::string answer = client.read_all();
    EXPECT_TRUE(client.was_told_the_end());
    return answer;
  }

  const Authority authority_{"an authority"};
  const SystemClock clock_;
  SimFileSystem disk_;
  std::unique_ptr<TlsContext> tls_;
  EchoHandler handler_;
  std::unique_ptr<Server> server_;
};

class ServerTest : public AServerTest, public ::testing::WithParamInterface<Transport> {
 protected:
  explicit ServerTest(ServerLimits limits = {}) : AServerTest(GetParam(), limits) {}
};

INSTANTIATE_TEST_SUITE_P(, ServerTest, ::testing::Values(Transport::kPlain, Transport::kTls),
                         name_of);

TEST_P(ServerTest, AnswersWithTheHeadersOfEveryResponse) {
  const std::string answer =
      ask("GET /a%20b?x=%41 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nX-Rqlite-Version: v1\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nDate: "));
  EXPECT_THAT(answer, HasSubstr(" GMT\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 16\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nGET /a b?x=%41 \n"));
}

TEST_P(ServerTest, RequestsOfOneConnectionAreAnsweredInOrder) {
  Client client = connect();
  client.send(
      "GET /hold HTTP/1.1\r\nHost: h\r\n\r\nPOST /b HTTP/1.1\r\nHost: h\r\nContent-Length: "
      "2\r\n\r\n"
      "hiGET /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  handler_.take()->send(Response::text(200, "held"));
  const std::string answers = client.read_all();
  const std::size_t first = answers.find("held\n");
  const std::size_t second = answers.find("POST /b? hi\n");
  const std::size_t third = answers.find("GET /c? \n");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(third, std::string::npos);
}

TEST_P(ServerTest, BodiesMayComeInChunksAndByAndBy) {
  Client client = connect();
  client.send(
      "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3");
  client.send("\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_THAT(client.read_all(), EndsWith("POST /x? abcde\n"));
  const std::string large(3'000'000, 'x');
  EXPECT_THAT(
      ask("POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3000000\r\n\r\n" +
          large),
      EndsWith("POST /x? 3000000\n"));
}

TEST_P(ServerTest, AClientMayAskBeforeItSendsABody) {
  Client client = connect();
  client.send(
      "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
      "Connection: close\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  EXPECT_THAT(client.read_all(), EndsWith("POST /x? ok\n"));
}

TEST_P(ServerTest, HeadHasNoBody) {
  const std::string answer = ask("HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_P(ServerTest, OldClientsAreClosedUnlessTheyAskOtherwise) {
  EXPECT_THAT(ask("GET /x HTTP/1.0\r\n\r\n"), HasSubstr("\r\nConnection: close\r\n"));
  Client client = connect();
  client.send("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(client.read_until("GET /x? \n"), HasSubstr("\r\nConnection: keep-alive\r\n"));
  client.send("GET /y HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.read_all(), EndsWith("GET /y? \n"));
}

TEST_P(ServerTest, WhatIsNoRequestIsRefused) {
  EXPECT_THAT(ask("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 Bad Request"));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 400 Bad Request: missing required Host header"));
  EXPECT_THAT(ask("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask("POST / HTTP/1.1\r\nHost: h\r\nExpect: magic\r\nContent-Length: 1\r\n\r\n"),
              StartsWith("HTTP/1.1 417 "));
}

TEST_P(ServerTest, ARequestThatNobodyAnswersIsAnsweredAllTheSame) {
  EXPECT_THAT(ask("GET /drop HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 503 "));
}

TEST_P(ServerTest, ALateAnswerIsSentIfThereIsNoOther) {
  EXPECT_THAT(ask("GET /late HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              EndsWith("too late\n"));
}

TEST_P(ServerTest, OnlyTheFirstAnswerCounts) {
  Client client = connect();
  client.send("GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::shared_ptr<Reply> reply = handler_.take();
  reply->send(Response::text(200, "first"));
  reply->send(Response::text(200, "second"));
  EXPECT_THAT(client.read_all(), EndsWith("\r\n\r\nfirst\n"));
}

TEST_P(ServerTest, AClientThatIsGoneIsNoTrouble) {
  std::shared_ptr<Reply> reply;
  {
    Client client = connect();
    client.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    reply = handler_.take();
  }
  reply->send(Response::text(200, std::string(1'000'000, 'x')));
  EXPECT_THAT(ask("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              EndsWith("GET /x? \n"));
}

TEST_P(ServerTest, WhoWaitsForAClientHearsThatItIsGone) {
  std::shared_ptr<Reply> reply;
  {
    Client client = connect();
    client.send("GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
    reply = handler_.take();
  }
  handler_.await_gone();
  reply->send(Response::text(200, "to nobody"));
}

TEST_P(ServerTest, AClientThatWasAnsweredIsNotMissed) {
  Client client = connect();
  client.send("GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
  handler_.take()->send(Response::text(200, "here"));
  EXPECT_THAT(client.read_until("here\n"), StartsWith("HTTP/1.1 200 OK"));
  // Its next request is the one that is missed.
  client.send("GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  (void)client.read_all();
  EXPECT_FALSE(handler_.gone());
}

TEST_P(ServerTest, StoppingLetsWhatWasReceivedBeAnswered) {
  Client idle = connect();
  idle.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  idle.read_until("GET /x? \n");
  Client busy = connect();
  busy.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::shared_ptr<Reply> reply = handler_.take();
  std::thread stopping([&] { server_->stop(60s); });
  EXPECT_EQ(idle.read_all(), "");  // it was closed: the stop has begun
  reply->send(Response::text(200, "just in time"));
  const std::string answer = busy.read_all();
  EXPECT_THAT(answer, EndsWith("just in time\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  stopping.join();
}

// Bodies that are sent while they are made, by the test's thread in place of a reader's.

class StreamTest : public ServerTest {
 protected:
  explicit StreamTest(ServerLimits limits = {}) : ServerTest(limits) {}

  // Begins to answer the next request that is held, with "head ".
  std::unique_ptr<BodyStream> begin() {
    return handler_.take()->begin({200, kTextType, {{"X-Kind", "stream"}}, "head "});
  }
  // Writes until nobody takes any more; how many pieces that took.
  static int write_for_ever(BodyStream& stream) {
    const Bytes piece(Outflow::kPieceBytes, 'x');
    int pieces = 0;
    while (stream.write(piece)) pieces++;
    return pieces;
  }

  static constexpr const char* kHold = "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n";
  static constexpr const char* kLast = "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
};

INSTANTIATE_TEST_SUITE_P(, StreamTest, ::testing::Values(Transport::kPlain, Transport::kTls),
                         name_of);

// The content of a chunked body, or what is wrong with it.
std::string unchunked(std::string_view body) {
  std::string content;
  while (true) {
    const std::size_t line = body.find("\r\n");
    if (line == std::string_view::npos) return "cut short behind " + content;
    const std::size_t size = std::stoul(std::string(body.substr(0, line)), nullptr, 16);
    body.remove_prefix(line + 2);
    if (body.size() < size + 2) return "cut short behind " + content;
    if (body.substr(size, 2) != "\r\n") return "no end of a chunk";
    content += body.substr(0, size);
    body.remove_prefix(size + 2);
    if (size == 0) return body.empty() ? content : "more than the end";
  }
}

std::string body_of(const std::string& answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "no end of the headers" : answer.substr(end + 4);
}

TEST_P(StreamTest, ABodyComesInChunks) {
  Client client = connect();
  client.send("GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::unique_ptr<BodyStream> stream = begin();
  EXPECT_TRUE(stream->write("and "));
  EXPECT_TRUE(stream->write("tail"));
  stream->finish();
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nX-Rqlite-Version: v1\r\nX-Kind: stream\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
  EXPECT_EQ(unchunked(body_of(answer)), "head and tail");
}

TEST_P(StreamTest, ABodyMayBeEmpty) {
  Client client = connect();
  client.send("GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  handler_.take()->begin({200, kTextType, {}, {}})->finish();
  EXPECT_EQ(body_of(client.read_all()), "0\r\n\r\n");
}

TEST_P(StreamTest, OldClientsReadUntilTheConnectionEnds) {
  Client client = connect();
  client.send("GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::unique_ptr<BodyStream> stream = begin();
  EXPECT_TRUE(stream->write("and tail"));
  stream->finish();
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
  EXPECT_EQ(body_of(answer), "head and tail");
}

TEST_P(StreamTest, HeadHasNoBodyAndItsMakerIsLetGo) {
  Client client = connect();
  client.send(("HEAD /hold HTTP/1.1\r\nHost: h\r\n\r\n"s + kLast));
  const std::unique_ptr<BodyStream> stream = begin();
  write_for_ever(*stream);
  const std::string answers = client.read_all();
  EXPECT_THAT(body_of(answers), StartsWith("HTTP/1.1 200 OK"));
}

TEST_P(StreamTest, AllOfALongBodyArrives) {
  Client client = connect();
  client.send("GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  std::string expected = "head ";
  std::thread maker([&] {
    const std::unique_ptr<BodyStream> stream = begin();
    for (std::size_t i = 0; i < 300; i++) {
      const std::string piece(1 + i * 7919 % 100'000, static_cast<char>('a' + i % 26));
      EXPECT_TRUE(stream->write(piece));
      expected += piece;
    }
    stream->finish();
  });
  const std::string answer = client.read_all();
  maker.join();
  EXPECT_TRUE(unchunked(body_of(answer)) == expected);
}

TEST_P(StreamTest, WhatIsAskedBehindAStreamIsAnsweredBehindIt) {
  Client client = connect();
  client.send((std::string(kHold) + kHold + kLast));
  for (int i = 0; i < 2; i++) {
    const std::unique_ptr<BodyStream> stream = begin();
    EXPECT_TRUE(stream->write(std::string(200'000, 'x')));
    stream->finish();
  }
  const std::string answers = client.read_all();
  EXPECT_THAT(answers, EndsWith("GET /x? \n"));
  std::size_t ends = 0;
  for (std::size_t at = 0; (at = answers.find("\r\n0\r\n\r\nHTTP/1.1 200", at)) != answers.npos;
       at++) {
    ends++;
  }
  EXPECT_EQ(ends, 2u);
}

TEST_P(StreamTest, WithoutItsEndABodyIsCutShort) {
  Client client = connect();
  client.send(std::string(kHold) + kLast);
  {
    const std::unique_ptr<BodyStream> stream = begin();
    EXPECT_TRUE(stream->write("and "));
  }
  EXPECT_THAT(unchunked(body_of(client.read_all())), StartsWith("cut short"));
}

TEST_P(StreamTest, BehindAnotherAnswerNothingIsTaken) {
  Client client = connect();
  client.send("GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::shared_ptr<Reply> reply = handler_.take();
  reply->send(Response::text(200, "first"));
  const std::unique_ptr<BodyStream> stream = reply->begin({200, kTextType, {}, "second"});
  EXPECT_FALSE(stream->write("second"));
  EXPECT_THAT(client.read_all(), EndsWith("\r\n\r\nfirst\n"));
}

TEST_P(StreamTest, WhenAClientGoesAwayItsMakerIsLetGo) {
  std::unique_ptr<BodyStream> stream;
  {
    Client client = connect();
    client.send(kHold);
    stream = begin();
    client.read_until("head ");
  }
  write_for_ever(*stream);
  stream.reset();
  EXPECT_THAT(ask(kLast), EndsWith("GET /x? \n"));
}

TEST_P(StreamTest, WhenAClientGoesAwayBeforeTheBodyBeginsItsMakerIsLetGo) {
  std::shared_ptr<Reply> reply;
  {
    Client client = connect();
    client.send(kHold);
    reply = handler_.take();
  }
  write_for_ever(*reply->begin({200, kTextType, {}, {}}));
}

// Makers let go of connections on their own threads, while the server's looks at all of them.
TEST_P(StreamTest, ManyClientsMayGoAwayAtOnce) {
  std::vector<std::thread> makers;
  makers.reserve(4);
  for (int i = 0; i < 4; i++) {
    makers.emplace_back([this] {
      for (int round = 0; round < 25; round++) {
        std::unique_ptr<BodyStream> stream;
        {
          Client client = connect();
          client.send(kHold);
          stream = begin();
        }
        write_for_ever(*stream);
      }
    });
  }
  for (std::thread& each : makers) each.join();
  EXPECT_THAT(ask(kLast), EndsWith("GET /x? \n"));
}

TEST_P(StreamTest, StoppingLetsAStreamEnd) {
  Client idle = connect();
  idle.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  idle.read_until("GET /x? \n");
  Client client = connect();
  client.send(kHold);
  const std::unique_ptr<BodyStream> stream = begin();
  std::thread stopping([&] { server_->stop(60s); });
  EXPECT_EQ(idle.read_all(), "");  // it was closed: the stop has begun
  EXPECT_TRUE(stream->write("and tail"));
  stream->finish();
  EXPECT_EQ(unchunked(body_of(client.read_all())), "head and tail");
  stopping.join();
}

TEST_P(StreamTest, AStreamThatDoesNotEndIsCutShortByTheStop) {
  Client client = connect();
  client.send(kHold);
  const std::unique_ptr<BodyStream> stream = begin();
  client.read_until("head ");
  std::thread maker([&] { write_for_ever(*stream); });
  server_->stop(0s);
  maker.join();
  EXPECT_FALSE(stream->write("more"));
}

TEST_P(StreamTest, AStreamThatBeginsAfterTheStopIsTakenByNobody) {
  Client client = connect();
  client.send(kHold);
  const std::shared_ptr<Reply> reply = handler_.take();
  server_->stop(0s);
  write_for_ever(*reply->begin({200, kTextType, {}, {}}));
  server_->join();
}

TEST_P(StreamTest, WorkIsPostedToTheConnectionsThread) {
  EXPECT_THAT(ask("GET /post HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              EndsWith("posted\n"));
}

class ImpatientServerTest : public StreamTest {
 protected:
  ImpatientServerTest() : StreamTest({.write_timeout = 0s}) {}
};

INSTANTIATE_TEST_SUITE_P(, ImpatientServerTest,
                         ::testing::Values(Transport::kPlain, Transport::kTls), name_of);

// With no time at all to take a step of the body, the first look at the connection is its end.
TEST_P(ImpatientServerTest, AClientThatStopsReadingIsCutOff) {
  Client client = connect();
  client.send(kHold);
  const std::unique_ptr<BodyStream> stream = begin();
  EXPECT_GT(write_for_ever(*stream), 0);
  EXPECT_THAT(unchunked(body_of(client.read_all())), StartsWith("cut short"));
}

// Nobody is late who waits for the server.
TEST_P(ImpatientServerTest, ABodyThatTakesLongToMakeIsNotTheClientsFault) {
  Client client = connect();
  client.send("GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::unique_ptr<BodyStream> stream = begin();
  client.read_until("head ");
  // The server looks for late connections between these two, which are sent by one sweep each.
  for (int i = 0; i < 2; i++) {
    Client late = connect();
    late.send(kHold);
    write_for_ever(*begin());
  }
  EXPECT_TRUE(stream->write("and tail"));
  stream->finish();
  EXPECT_THAT(client.read_all(), HasSubstr("and tail"));
}

TEST_P(ServerTest, AnAddressThatIsTakenIsAnError) {
  Server::Options options;
  options.host = "127.0.0.1";
  options.port = server_->address().substr(server_->address().rfind(':') + 1);
  const auto second = Server::listen(std::move(options), handler_);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().text(), StartsWith("listen tcp 127.0.0.1:"));
}

class LimitedServerTest : public ServerTest {
 protected:
  LimitedServerTest()
      : ServerTest({.header_bytes_max = 4096,
                    .body_bytes_max = 300'000,
                    .all_bodies_bytes_max = 400'000,
                    .connections_max = 100,
                    .handshake_timeout = 10s,
                    .header_timeout = 20s,
                    .body_timeout = 30s,
                    .idle_timeout = 300s,
                    .write_timeout = 60s}) {}
};

INSTANTIATE_TEST_SUITE_P(, LimitedServerTest, ::testing::Values(Transport::kPlain, Transport::kTls),
                         name_of);

TEST_P(LimitedServerTest, LongHeadersAreRefused) {
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(10'000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
}

TEST_P(LimitedServerTest, LargeBodiesAreRefused) {
  EXPECT_THAT(ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300001\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n493e1\r\n" +
                  std::string(300'001, 'x')),
              StartsWith("HTTP/1.1 413 "));
}

TEST_P(LimitedServerTest, BodiesAreBoundedAllTogetherAndGivenBack) {
  const std::string head =
      "POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 250000\r\n\r\n";
  Client first = connect();
  first.send(head + std::string(200'000, 'x'));
  Client second = connect();
  second.send(head + std::string(249'999, 'x'));
  // One of them may be too much, which is up to the order in which they were read.
  first.send(std::string(50'000, 'x'));
  second.send("x");
  const std::string answers = first.read_all() + second.read_all();
  EXPECT_THAT(answers, HasSubstr("HTTP/1.1 200 OK"));
  for (int i = 0; i < 5; i++) {
    EXPECT_THAT(ask(head + std::string(250'000, 'x')), EndsWith("POST /x? 250000\n"));
  }
}

// What only a TLS port does.
class TlsServerTest : public AServerTest {
 protected:
  explicit TlsServerTest(ServerLimits limits = {}) : AServerTest(Transport::kTls, limits) {}

  Client connect_without_tls() { return Client(server_->address(), std::nullopt); }
};

TEST_F(TlsServerTest, ARequestInClearIsToldSo) {
  for (const std::string request :
       {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "DELETE / HTTP/1.0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
    Client client = connect_without_tls();
    client.send(request);
    EXPECT_EQ(client.read_all(),
              "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
    EXPECT_TRUE(client.was_told_the_end());
  }
  // Nothing of a large one keeps the answer from its client.
  Client client = connect_without_tls();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" +
              std::string(1'000'000, 'x'));
  EXPECT_THAT(client.read_all(), EndsWith("Client sent an HTTP request to an HTTPS server.\n"));
  EXPECT_EQ(tls_->report().sessions, 0u);
}

TEST_F(TlsServerTest, GarbageIsDropped) {
  Client client = connect_without_tls();
  client.send("\x01\x02\x03\x04\x05\x06\x07");
  (void)client.read_all();
  EXPECT_EQ(tls_->report().failed_handshakes, 1u);
  EXPECT_THAT(ask("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              EndsWith("GET /x? \n"));
}

TEST_F(TlsServerTest, AClientThatEndsItsSideIsGone) {
  Client client = connect();
  client.send("GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::shared_ptr<Reply> reply = handler_.take();
  client.say_end();
  handler_.await_gone();
}

TEST_F(TlsServerTest, AStopTellsIdleClientsTheEnd) {
  Client idle = connect();
  idle.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  idle.read_until("GET /x? \n");
  server_->stop(60s);
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_TRUE(idle.was_told_the_end());
}

TEST_F(TlsServerTest, AStopDoesNotWaitForHandshakes) {
  Client silent = connect_without_tls();
  Client begun = connect_without_tls();
  begun.send("\x16\x03");
  // The third is served after the first two were accepted.
  EXPECT_THAT(ask("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              EndsWith("GET /x? \n"));
  server_->stop(24h);
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(begun.read_all(), "");
}

TEST_F(TlsServerTest, TheCertificateChangesUnderItsClients) {
  Client before = connect();
  const PemPair pair = authority_.issue({"localhost"});
  ASSERT_TRUE(disk_.replace_file("/cert", pair.certificate).ok());
  ASSERT_TRUE(disk_.replace_file("/key", pair.key).ok());
  Client after = connect();
  for (Client* client : {&before, &after}) {
    client->send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(client->read_until("GET /x? \n"), StartsWith("HTTP/1.1 200 OK"));
  }
  EXPECT_EQ(tls_->report().reloads, 1u);
}

class ImpatientTlsServerTest : public TlsServerTest {
 protected:
  ImpatientTlsServerTest() : TlsServerTest(limits()) {}

  static ServerLimits limits() {
    ServerLimits limits;
    limits.handshake_timeout = 1s;
    return limits;
  }
};

TEST_F(ImpatientTlsServerTest, ClientsThatDoNotShakeHandsAreClosed) {
  Client silent = connect_without_tls();
  Client slow = connect_without_tls();
  slow.send("\x16\x03\x01\x02");
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(slow.read_all(), "");
  EXPECT_EQ(tls_->report().failed_handshakes, 1u);  // the other said nothing
}

}  // namespace
}  // namespace rqlite::http
