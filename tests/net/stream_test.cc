#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "net/outflow.h"
#include "net/server_fixture.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

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
  RawClient client = connect();
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
  RawClient client = connect();
  client.send("GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  handler_.take()->begin({200, kTextType, {}, {}})->finish();
  EXPECT_EQ(body_of(client.read_all()), "0\r\n\r\n");
}

TEST_P(StreamTest, OldClientsReadUntilTheConnectionEnds) {
  RawClient client = connect();
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
  RawClient client = connect();
  client.send(("HEAD /hold HTTP/1.1\r\nHost: h\r\n\r\n"s + kLast));
  const std::unique_ptr<BodyStream> stream = begin();
  write_for_ever(*stream);
  const std::string answers = client.read_all();
  EXPECT_THAT(body_of(answers), StartsWith("HTTP/1.1 200 OK"));
}

TEST_P(StreamTest, AllOfALongBodyArrives) {
  RawClient client = connect();
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
  RawClient client = connect();
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
  RawClient client = connect();
  client.send(std::string(kHold) + kLast);
  {
    const std::unique_ptr<BodyStream> stream = begin();
    EXPECT_TRUE(stream->write("and "));
  }
  EXPECT_THAT(unchunked(body_of(client.read_all())), StartsWith("cut short"));
}

TEST_P(StreamTest, BehindAnotherAnswerNothingIsTaken) {
  RawClient client = connect();
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
    RawClient client = connect();
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
    RawClient client = connect();
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
          RawClient client = connect();
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
  RawClient idle = connect();
  idle.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  idle.read_until("GET /x? \n");
  RawClient client = connect();
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
  RawClient client = connect();
  client.send(kHold);
  const std::unique_ptr<BodyStream> stream = begin();
  client.read_until("head ");
  std::thread maker([&] { write_for_ever(*stream); });
  server_->stop(0s);
  maker.join();
  EXPECT_FALSE(stream->write("more"));
}

TEST_P(StreamTest, AStreamThatBeginsAfterTheStopIsTakenByNobody) {
  RawClient client = connect();
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
  RawClient client = connect();
  client.send(kHold);
  const std::unique_ptr<BodyStream> stream = begin();
  EXPECT_GT(write_for_ever(*stream), 0);
  EXPECT_THAT(unchunked(body_of(client.read_all())), StartsWith("cut short"));
}

// Nobody is late who waits for the server.
TEST_P(ImpatientServerTest, ABodyThatTakesLongToMakeIsNotTheClientsFault) {
  RawClient client = connect();
  client.send("GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::unique_ptr<BodyStream> stream = begin();
  client.read_until("head ");
  // The server looks for late connections between these two, which are sent by one sweep each.
  for (int i = 0; i < 2; i++) {
    RawClient late = connect();
    late.send(kHold);
    write_for_ever(*begin());
  }
  EXPECT_TRUE(stream->write("and tail"));
  stream->finish();
  EXPECT_THAT(client.read_all(), HasSubstr("and tail"));
}

}  // namespace
}  // namespace rqlite::net
