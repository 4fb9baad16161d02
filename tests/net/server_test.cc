#include "net/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <thread>

#include "net/server_fixture.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

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
  RawClient client = connect();
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
  RawClient client = connect();
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
  RawClient client = connect();
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
  RawClient client = connect();
  client.send("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(client.read_until("GET /x? \n"), HasSubstr("\r\nConnection: keep-alive\r\n"));
  client.send("GET /y HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.read_all(), EndsWith("GET /y? \n"));
}

TEST_P(ServerTest, ATrailerAddsNoFields) {
  EXPECT_THAT(ask("POST /fields HTTP/1.1\r\nHost: h\r\nX: a\r\nConnection: close\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n1\r\n.\r\n0\r\n"
                  "X: b\r\nContent-Type: text/plain\r\n\r\n"),
              EndsWith("\r\n\r\n a\n"));
}

// HTTP/1.0 knows no chunks: a proxy of that age takes them for the next request.
TEST_P(ServerTest, OldClientsSendNoChunks) {
  EXPECT_THAT(ask("POST /x HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "0\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
}

TEST_P(ServerTest, NobodyIsServedBeforeTheStart) {
  Server::Options options;
  options.host = "127.0.0.1";
  options.port = "0";
  options.tls = tls_.get();
  const auto server = Server::listen(options, handler_);
  ASSERT_TRUE(server.ok());
  RawClient early((*server)->address(), std::nullopt);
  EXPECT_EQ((*server)->report().connections, 0u);
  (*server)->start();
  if (tls_) return;
  early.send("GET /x HTTP/1.0\r\n\r\n");
  EXPECT_THAT(early.read_all(), EndsWith("GET /x? \n"));
}

TEST_P(ServerTest, OneThatWasNeverStartedGoesQuietly) {
  Server::Options options;
  options.host = "127.0.0.1";
  options.port = "0";
  EXPECT_TRUE(Server::listen(std::move(options), handler_).ok());
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
  RawClient client = connect();
  client.send("GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::shared_ptr<Reply> reply = handler_.take();
  reply->send(Response::text(200, "first"));
  reply->send(Response::text(200, "second"));
  EXPECT_THAT(client.read_all(), EndsWith("\r\n\r\nfirst\n"));
}

TEST_P(ServerTest, AClientThatIsGoneIsNoTrouble) {
  std::shared_ptr<Reply> reply;
  {
    RawClient client = connect();
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
    RawClient client = connect();
    client.send("GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
    reply = handler_.take();
  }
  handler_.await_gone();
  reply->send(Response::text(200, "to nobody"));
}

TEST_P(ServerTest, AClientThatWasAnsweredIsNotMissed) {
  RawClient client = connect();
  client.send("GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
  handler_.take()->send(Response::text(200, "here"));
  EXPECT_THAT(client.read_until("here\n"), StartsWith("HTTP/1.1 200 OK"));
  // Its next request is the one that is missed.
  client.send("GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  (void)client.read_all();
  EXPECT_FALSE(handler_.gone());
}

TEST_P(ServerTest, StoppingLetsWhatWasReceivedBeAnswered) {
  RawClient idle = connect();
  idle.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  idle.read_until("GET /x? \n");
  RawClient busy = connect();
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
  explicit LimitedServerTest(std::size_t header_bytes_max = 4096)
      : ServerTest({.header_bytes_max = header_bytes_max,
                    .header_lines_max = 100,
                    .body_bytes_max = 300'000,
                    .all_bytes_max = 400'000,
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

TEST_P(LimitedServerTest, ManyHeadersAreRefused) {
  std::string fields;
  for (int i = 0; i < 100; i++) fields += "X: y\r\n";
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n"), StartsWith("HTTP/1.1 431 "));
}

// Each piece is complete but for the first byte of what comes next, so the parser takes it at once.
TEST_P(LimitedServerTest, HeadersAreBoundedHoweverTheyCome) {
  RawClient client = connect();
  client.send("GET / HTTP/1.1\r\nH");
  client.send("ost: h\r\nX");
  for (int i = 0; i < 90; i++) client.send(": " + std::string(90, 'x') + "\r\nX");
  client.send(": y\r\n\r\n");
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 431 "));
}

TEST_P(LimitedServerTest, TheHeadOfAChunkIsBounded) {
  const std::string head = "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  RawClient extension = connect();
  extension.send(head + "1;" + std::string(100'000, 'x'));
  EXPECT_THAT(extension.read_all(), StartsWith("HTTP/1.1 400 "));
  RawClient trailer = connect();
  trailer.send(head + "0\r\nX: " + std::string(100'000, 'x'));
  EXPECT_THAT(trailer.read_all(), StartsWith("HTTP/1.1 400 "));
}

TEST_P(LimitedServerTest, WhoComesInTooGreatANumberIsTurnedAway) {
  std::deque<RawClient> clients;
  while (clients.size() < 100) {
    clients.emplace_back(server_->address(), client_tls());
    clients.back().send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(clients.back().read_until("GET /x? \n"), StartsWith("HTTP/1.1 200 "));
  }
  EXPECT_EQ(server_->report().connections, 100u);
  EXPECT_EQ(RawClient(server_->address(), std::nullopt).read_all(), "");
  EXPECT_EQ(server_->report().turned_away, 1u);
  EXPECT_EQ(server_->report().taken, 100u);
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
  RawClient first = connect();
  first.send(head + std::string(200'000, 'x'));
  RawClient second = connect();
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

class LongHeadsServerTest : public LimitedServerTest {
 protected:
  LongHeadsServerTest() : LimitedServerTest(300'000) {}
};

INSTANTIATE_TEST_SUITE_P(, LongHeadsServerTest,
                         ::testing::Values(Transport::kPlain, Transport::kTls), name_of);

TEST_P(LongHeadsServerTest, HeadsCountForWhatIsReceived) {
  std::string head = "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
  for (int i = 0; i < 50; i++) head += "X: " + std::string(5000, 'x') + "\r\n";
  RawClient first = connect();
  first.send(head);
  // As soon as the server has read that, there is no room for another one. Before, it may be the
  // first one for which there is none: that is up to the order in which they were read.
  std::string answers;
  for (int i = 0; i < 50 && !answers.starts_with("HTTP/1.1 503 "); i++) {
    answers = ask(head + "\r\n");
  }
  first.send("\r\n");
  EXPECT_THAT(answers + first.read_all(), HasSubstr("HTTP/1.1 503 "));
  EXPECT_THAT(ask(head + "\r\n"), EndsWith("GET /x? \n"));
}

}  // namespace
}  // namespace rqlite::net
