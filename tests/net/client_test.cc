#include "net/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/client_fixture.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

INSTANTIATE_TEST_SUITE_P(, ClientTest, ::testing::Values(Transport::kPlain, Transport::kTls),
                         name_of);

TEST_P(ClientTest, GetsAnAnswer) { EXPECT_EQ(get("/x?a=b"), "200 GET /x?a=b \n"); }

TEST_P(ClientTest, SendsABodyAndHeaders) {
  Call call = a_call("/x");
  call.method = "POST";
  call.body = "the body";
  EXPECT_EQ(text_of(client_.fetch(call, kMebibyte)), "200 POST /x? the body\n");
  call.body = std::string(1'000'000, 'x');
  EXPECT_EQ(text_of(client_.fetch(call, kMebibyte)), "200 POST /x? 1000000\n");
  call.target = "/fields";
  call.headers = {{"Content-Type", "a/b"}, {"X", "1"}, {"x", "2"}};
  EXPECT_EQ(text_of(client_.fetch(call, kMebibyte)), "200 a/b 1 2\n");
}

TEST_P(ClientTest, ShowsTheHeadersOfTheAnswer) {
  const CallResult result = client_.fetch(a_call("/"), kMebibyte);
  ASSERT_TRUE(result.response.ok());
  EXPECT_EQ(find_field(result.response->headers, "x-rqlite-version"), "v1");
  EXPECT_EQ(find_field(result.response->headers, "X-Other"), std::nullopt);
}

TEST_P(ClientTest, OneConnectionServesCallsThatFollowEachOther) {
  for (int i = 0; i < 10; i++) EXPECT_EQ(get("/x"), "200 GET /x? \n");
  EXPECT_EQ(only(client_).dials, 1u);
  EXPECT_EQ(only(client_).open, 1u);
  EXPECT_EQ(only(client_).idle, 1u);
}

TEST_P(ClientTest, CallsAtTheSameTimeDoNotWaitForEachOther) {
  std::promise<std::string> first;
  std::promise<std::string> second;
  auto tell = [](std::promise<std::string>& to) {
    return [&to](const CallResult& result) { to.set_value(text_of(result)); };
  };
  client_.fetch(a_call("/hold"), kMebibyte, tell(first));
  client_.fetch(a_call("/hold"), kMebibyte, tell(second));
  const std::shared_ptr<Reply> one = handler_.take();
  const std::shared_ptr<Reply> other = handler_.take();
  other->send(Response::text(200, "other"));
  one->send(Response::text(404, "one"));
  const std::vector<std::string> answers = {first.get_future().get(), second.get_future().get()};
  EXPECT_THAT(answers, ::testing::UnorderedElementsAre("200 other\n", "404 one\n"));
  EXPECT_EQ(only(client_).dials, 2u);
  EXPECT_EQ(only(client_).idle, 2u);
}

TEST_P(ClientTest, AFreshCallConnectsAnew) {
  get("/x");
  Call call = a_call("/x");
  call.fresh = true;
  EXPECT_EQ(text_of(client_.fetch(call, kMebibyte)), "200 GET /x? \n");
  EXPECT_EQ(only(client_).dials, 2u);
  EXPECT_EQ(only(client_).idle, 2u);
  EXPECT_EQ(only(client_).fresh, 1u);
}

TEST_P(ClientTest, AnAnswerToHeadHasNoBody) {
  Call call = a_call("/x");
  call.method = "HEAD";
  EXPECT_EQ(text_of(client_.fetch(call, 1)), "200 ");
  EXPECT_EQ(get("/x"), "200 GET /x? \n");
  EXPECT_EQ(only(client_).dials, 1u);
}

TEST_P(ClientTest, AConnectionThatTheServerEndsIsNotKept) {
  Call call = a_call("/x");
  call.headers = {{"Connection", "close"}};
  EXPECT_EQ(text_of(client_.fetch(call, kMebibyte)), "200 GET /x? \n");
  EXPECT_EQ(only(client_).open, 0u);
}

TEST_P(ClientTest, AnAnswerMayPassItsBound) {
  const CallResult result = client_.fetch(a_call("/12345"), 10);
  EXPECT_EQ(result.response.status().code(), Code::kTooLarge);
  EXPECT_TRUE(result.sent);
  EXPECT_EQ(text_of(result), "the answer has more than 10 bytes");
  EXPECT_EQ(only(client_).open, 0u);
}

TEST_P(ClientTest, TheFirstCallAfterAServersRestartSucceeds) {
  get("/x");
  Server::Options same;
  same.host = "127.0.0.1";
  same.port = server_->address().substr(server_->address().rfind(':') + 1);
  same.tls = tls_.get();
  server_.reset();
  server_ = *Server::listen(std::move(same), handler_);
  server_->start();
  EXPECT_EQ(get("/x"), "200 GET /x? \n");
  EXPECT_EQ(only(client_).dead, 1u);
  EXPECT_EQ(only(client_).open, 1u);
}

TEST_P(ClientTest, ACallThatIsGivenUpEnds) {
  std::promise<std::string> told;
  const CallHandle handle =
      client_.fetch(a_call("/watch"), kMebibyte,
                    [&](const CallResult& result) { told.set_value(text_of(result)); });
  const std::shared_ptr<Reply> reply = handler_.take();
  handle.give_up();
  EXPECT_EQ(told.get_future().get(), "the call was given up");
  handler_.await_gone();
  EXPECT_EQ(only(client_).open, 0u);
  handle.give_up();
}

TEST_P(ClientTest, CloseGivesUpWhatIsUnderWay) {
  std::vector<std::promise<CallResult>> told(3);
  CallHandle handle;
  for (auto& each : told) {
    handle = client_.fetch(a_call("/hold"), kMebibyte,
                           [&](CallResult result) { each.set_value(std::move(result)); });
  }
  std::vector<std::shared_ptr<Reply>> held;
  while (held.size() < told.size()) held.push_back(handler_.take());
  client_.close();
  for (auto& each : told) {
    const CallResult result = each.get_future().get();
    EXPECT_EQ(result.response.status(), Status(Code::kUnknown, "the client is closed"));
    EXPECT_TRUE(result.sent);
  }
  const CallResult late = client_.fetch(a_call("/x"), kMebibyte);
  EXPECT_EQ(late.response.status(), Status(Code::kUnavailable, "the client is closed"));
  EXPECT_FALSE(late.sent);
  handle.give_up();
  client_.close();
}

TEST_P(ClientTest, WhatWouldBreakARequestIsNotSent) {
  std::vector<Call> calls(6, a_call("/x"));
  calls[0].method = "GET /y";
  calls[1].target = "/x HTTP/1.1\r\nX: y";
  calls[2].headers = {{"X", "a\r\nY: b"}};
  calls[3].headers = {{"X: a\r\nY", "b"}};
  calls[4].address = "127.0.0.1:1\r\nX: y";
  calls[5].target = "";
  for (const Call& call : calls) {
    const CallResult result = client_.fetch(call, kMebibyte);
    EXPECT_EQ(result.response.status().code(), Code::kInvalid);
    EXPECT_FALSE(result.sent);
  }
  EXPECT_TRUE(client_.report().empty());
}

TEST_F(RawPeerTest, ThisIsWhatIsSent) {
  Call call = a_call();
  call.target = "/a?b";
  call.headers = {{"X", "y"}};
  const auto told = begin(std::move(call));
  const RawConnection connection = peer_.accept();
  EXPECT_EQ(connection.read_until("abc"), "POST /a?b HTTP/1.1\r\nHost: " + peer_.address() +
                                              "\r\nX: y\r\nContent-Length: 3\r\n\r\nabc");
}

TEST_F(RawPeerTest, AnswersComeInManyForms) {
  EXPECT_EQ(answer_to("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), "200 hi");
  EXPECT_EQ(answer_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "1\r\nh\r\n1;ext=x\r\ni\r\n0\r\nTrailer: x\r\n\r\n"),
            "200 hi");
  EXPECT_EQ(answer_to("HTTP/1.0 503 Sorry\r\n\r\nuntil the end"), "503 until the end");
  EXPECT_EQ(answer_to("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\nX: y\r\n\r\n"
                      "HTTP/1.1 201 Done\r\nContent-Length: 0\r\n\r\n"),
            "201 ");
  EXPECT_EQ(answer_to("HTTP/1.1 204 Nothing\r\n\r\n"), "204 ");
  EXPECT_EQ(answer_to("HTTP/1.1 304 Same\r\nContent-Length: 10000000\r\n\r\n"), "304 ");
}

TEST_F(RawPeerTest, GarbageIsNoAnswer) {
  for (const std::string answer :
       {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"}) {
    const CallResult result = ask(answer);
    EXPECT_EQ(result.response.status().code(), Code::kUnknown);
    EXPECT_THAT(text_of(result), StartsWith("malformed HTTP response: "));
    EXPECT_TRUE(result.sent);
    EXPECT_FALSE(result.stale);
  }
  std::string interim;
  for (int i = 0; i < 20; i++) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_EQ(answer_to(interim), "malformed HTTP response: too many 1xx informational responses");
}

TEST_F(RawPeerTest, AnswersThatBreakOffAreNoAnswers) {
  for (const std::string answer :
       {"HTTP/1.1 200 O", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n"}) {
    const CallResult result = ask(answer);
    EXPECT_EQ(result.response.status().code(), Code::kUnknown);
    EXPECT_THAT(text_of(result),
                MatchesRegex("read tcp 127.0.0.1:[0-9]+->" + peer_.address() + ": unexpected EOF"));
    EXPECT_TRUE(result.sent);
  }
  EXPECT_THAT(answer_to(""), EndsWith("->" + peer_.address() + ": EOF"));
}

TEST_F(RawPeerTest, HugeHeadsAreRefused) {
  const std::string field = "X: " + std::string(10'000, 'x') + "\r\n";
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 100; i++) head += field;
  for (const std::string& answer : {head, "HTTP/1.1 200 OK\r\nX: " + std::string(1'000'000, 'x'),
                                    "HTTP/1.1 200 " + std::string(1'000'000, 'x')}) {
    EXPECT_EQ(answer_to(answer), "the head of the answer has more than 65536 bytes");
  }
  EXPECT_THAT(answer_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                        std::string(1'000'000, 'x')),
              StartsWith("malformed HTTP response: "));
}

TEST_F(RawPeerTest, HugeBodiesAreRefusedWhereTheyAreCollected) {
  for (const std::string answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n"}) {
    Call call = a_call();
    call.fresh = true;
    auto told = begin(std::move(call), 10);
    const RawConnection connection = peer_.accept();
    (void)connection.read_until("abc");
    connection.send(answer);
    EXPECT_EQ(text_of(told.get()), "the answer has more than 10 bytes");
  }
}

TEST_F(RawPeerTest, SilenceEndsWithTheTimeout) {
  Call call = a_call();
  call.timeout = 10ms;
  auto told = begin(std::move(call));
  const RawConnection connection = peer_.accept();
  const CallResult result = told.get();
  EXPECT_EQ(result.response.status().code(), Code::kDeadline);
  EXPECT_THAT(text_of(result),
              MatchesRegex("read tcp 127.0.0.1:[0-9]+->" + peer_.address() + ": i/o timeout"));
  EXPECT_TRUE(result.sent);
  EXPECT_EQ(only(client_).receive_timeouts, 1u);
  EXPECT_EQ(only(client_).send_timeouts, 0u);
}

TEST_F(RawPeerTest, APeerThatTakesNothingEndsWithTheTimeout) {
  Call call = a_call();
  call.body = std::string(50'000'000, 'x');
  call.timeout = 100ms;
  auto told = begin(std::move(call));
  const RawConnection connection = peer_.accept();
  const CallResult result = told.get();
  EXPECT_EQ(result.response.status().code(), Code::kDeadline);
  EXPECT_THAT(text_of(result), AllOf(StartsWith("write tcp "), EndsWith(": i/o timeout")));
  EXPECT_EQ(only(client_).receive_timeouts, 0u);
  EXPECT_EQ(only(client_).send_timeouts, 1u);
}

TEST_P(ClientTest, RunsWorkLaterOnItsThread) {
  std::promise<void> first;
  std::promise<void> second;
  EXPECT_TRUE(client_.later(0s, [&] { first.set_value(); }));
  first.get_future().wait();
  EXPECT_TRUE(client_.later(1ms, [&] { second.set_value(); }));
  second.get_future().wait();
}

TEST_P(ClientTest, WhatIsDueLaterIsDueWhenItIsClosed) {
  int ran = 0;
  EXPECT_TRUE(client_.later(1h, [&] {
    ran++;
    EXPECT_FALSE(client_.later(0s, [&] { ran++; }));
  }));
  client_.close();
  EXPECT_EQ(ran, 1);
  EXPECT_FALSE(client_.later(0s, [&] { ran++; }));
  EXPECT_EQ(ran, 1);
}

TEST_F(RawPeerTest, APeerMayAnswerBeforeItHasHeardAll) {
  Call call = a_call();
  call.body = std::string(50'000'000, 'x');
  auto told = begin(std::move(call));
  const RawConnection connection = peer_.accept();
  (void)connection.read_until("\r\n\r\n");
  connection.send("HTTP/1.1 413 Too much\r\nContent-Length: 3\r\n\r\nno!");
  EXPECT_EQ(text_of(told.get()), "413 no!");
  EXPECT_EQ(only(client_).open, 0u);
}

TEST_F(RawPeerTest, WhatComesBehindAnAnswerEndsTheConnection) {
  auto told = begin(a_call());
  const RawConnection connection = peer_.accept();
  (void)connection.read_until("abc");
  connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(text_of(told.get()), "200 hi");
  EXPECT_EQ(only(client_).open, 0u);
}

}  // namespace
}  // namespace rqlite::net
