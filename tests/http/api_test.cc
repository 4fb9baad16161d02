#include "http/api.h"

#include <gtest/gtest.h>

#include "cluster/peer_protocol.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_headers.h"
#include "fakes/fake_reply.h"

namespace rqlite::http {
namespace {

// An API whose store is not open yet, as it is while a node starts.
class ApiTest : public ::testing::Test {
 protected:
  // "status body" of the answer to a request such as "GET /db/query?q=SELECT+1".
  std::string ask(std::string_view request_line, std::string body = {},
                  std::string content_type = {}) {
    net::Request request;
    request.passed_on = passed_on_;
    const std::size_t blank = request_line.find(' ');
    request.method = request_line.substr(0, blank);
    const std::string_view target = request_line.substr(blank + 1);
    const std::size_t question = target.find('?');
    request.path = target.substr(0, question);
    if (question != std::string_view::npos) request.raw_query = target.substr(question + 1);
    request.body = std::move(body);
    request.content_type = std::move(content_type);
    request.headers = &headers_;
    const auto reply = std::make_shared<FakeReply>();
    api_.handle(std::move(request), reply);
    if (!reply->response_) return "no response";
    response_ = *reply->response_;
    return std::to_string(response_.status) + " " + response_.body;
  }

  bool passed_on_ = false;
  FakeClock clock_;
  FakeHeaders headers_;
  Api api_{
      {.http_address = "localhost:4001",
       .raft_address = "localhost:4002",
       .queue_requests_are_atomic = false,
       .credentials = nullptr,
       .identity = {.api_url = "http://localhost:4001", .version = "v1"},
       .process_status = [](JsonTree& tree) { tree["build"]["version"] = JsonTree::text("v1"); },
       .process_metrics = [](MetricsText& text) { text.gauge("up", "Whether it runs.", 1); },
       .process_vars = [](DebugVars& vars) { vars["cmdline"] = "[]"; }},
      clock_};
  net::Response response_;
};

TEST_F(ApiTest, WhatIsNowhereIsNotFound) {
  EXPECT_EQ(ask("GET /nothing"), "404 ");
  EXPECT_EQ(ask("GET /db"), "404 ");
  EXPECT_EQ(ask("POST /snapshot/x"), "404 ");
}

TEST_F(ApiTest, AMethodThatIsNotAllowedIsSaidSo) {
  EXPECT_EQ(ask("GET /db/execute"), "405 ");
  EXPECT_EQ(response_.content_type, net::kJsonType);
  EXPECT_EQ(ask("PUT /db/query"), "405 ");
  EXPECT_EQ(ask("post /db/query"), "405 ");
  EXPECT_EQ(ask("POST /readyz"), "405 ");
  EXPECT_EQ(ask("GET /snapshot"), "405 ");
}

TEST_F(ApiTest, OptionsAreAnsweredWithoutALook) {
  EXPECT_EQ(ask("OPTIONS /anything?timeout=x"), "200 ");
}

TEST_F(ApiTest, ParametersAreCheckedBeforeThePath) {
  EXPECT_EQ(ask("GET /nowhere?timeout=x"), "400 timeout is not a valid duration\n");
  EXPECT_EQ(ask("GET /db/execute?q="), "400 query parameter not set\n");
  EXPECT_EQ(response_.content_type, net::kTextType);
}

TEST_F(ApiTest, BodiesAreCheckedBeforeTheStore) {
  for (const char* target : {"POST /db/execute", "POST /db/query", "POST /db/execute?queue",
                             "POST /db/execute?queue&wait"}) {
    EXPECT_EQ(ask(target, ""), "400 invalid JSON body\n") << target;
    EXPECT_EQ(ask(target, "{}"), "400 invalid request\n") << target;
    EXPECT_EQ(ask(target, R"(["PRAGMA journal_mode=DELETE"])"),
              R"(200 {"results":[],"error":"disallowed pragma"})")
        << target;
  }
}

TEST_F(ApiTest, AnEmptyListIsNoRequestUnlessItIsACheckpoint) {
  EXPECT_EQ(ask("POST /db/execute", "[]"), "400 no statements\n");
  EXPECT_EQ(ask("POST /db/query", "[]"), "400 no statements\n");
  EXPECT_EQ(ask("POST /db/execute?queue", "[]"), "400 no statements\n");
  EXPECT_EQ(ask("POST /db/execute?queue", "null"), "400 invalid request\n");
  EXPECT_EQ(ask("POST /db/execute?queue&wait", "[]"), "503 store not open\n");
  EXPECT_EQ(ask("POST /db/execute?queue&wait", " null\n"), "503 store not open\n");
}

TEST_F(ApiTest, ATextIsOneStatement) {
  EXPECT_EQ(ask("POST /db/execute", "PRAGMA query_only=1", "text/plain"),
            R"(200 {"results":[],"error":"disallowed pragma"})");
  EXPECT_EQ(ask("POST /db/execute", "SELECT 1", "text/plain; charset=utf-8"),
            R"(200 {"results":[],"error":"store not open"})");
  EXPECT_EQ(ask("POST /db/execute", "SELECT 1", "Text/Plain"), "400 invalid JSON body\n");
}

TEST_F(ApiTest, SaysThatItsStoreIsNotOpen) {
  EXPECT_EQ(ask("POST /db/execute", R"(["SELECT 1"])"),
            R"(200 {"results":[],"error":"store not open"})");
  EXPECT_EQ(ask("POST /db/query?pretty", R"(["SELECT 1"])"),
            "200 {\n    \"results\": [],\n    \"error\": \"store not open\"\n}");
  EXPECT_EQ(ask("GET /db/query?q=SELECT+1"), R"(200 {"results":[],"error":"store not open"})");
  EXPECT_EQ(ask("POST /db/execute?queue", R"(["SELECT 1"])"), "503 store not open\n");
  EXPECT_EQ(ask("POST /db/request", R"(["SELECT 1"])"),
            R"(200 {"results":[],"error":"store not open"})");
  for (const char* line :
       {"POST /snapshot", "POST /reap", "POST /boot", "GET /db/sql?q=SELECT+1"}) {
    EXPECT_EQ(ask(line), "503 store not open\n") << line;
  }
  for (const char* line : {"GET /db/backup", "GET /db/backup?noleader&fmt=sql", "POST /db/load"}) {
    EXPECT_EQ(ask(line), "500 store not open\n") << line;
  }
  EXPECT_EQ(ask("DELETE /remove", R"({"id":"a"})"), "503 store not open\n");
  EXPECT_EQ(ask("GET /nodes?ver=2"), "503 store nodes: store not open\n");
  EXPECT_EQ(ask("GET /leader"), "503 leader not found\n");
  EXPECT_EQ(ask("POST /leader?wait"), "503 stepdown: store not open\n");
  EXPECT_EQ(ask("GET /readyz"), "503 [+]node ok\n[+]leader does not exist");
  EXPECT_EQ(ask("GET /readyz?noleader"), "200 [+]node ok");
}

// It may have been done by another one, or by this one before it was started again.
TEST_F(ApiTest, TellsANodeThatPassesARequestOnThatItMayTryAgain) {
  passed_on_ = true;
  for (const char* line :
       {"POST /db/execute", "POST /db/request", "POST /db/query", "GET /db/backup"}) {
    EXPECT_EQ(ask(line, R"(["SELECT 1"])"), "503 store not open") << line;
    const Status failure = cluster::failure_of_leader(
        response_.status, {response_.headers.begin(), response_.headers.end()}, response_.body);
    EXPECT_EQ(failure.code(), Code::kUnavailable) << line;
    EXPECT_EQ(failure.text(), "store not open") << line;
  }
}

TEST_F(ApiTest, StatusIsThereBeforeTheStore) {
  EXPECT_EQ(ask("GET /status"), R"(200 {"build":{"version":"v1"},"store":{"open":false}})");
  EXPECT_EQ(ask("GET /status?key=build.version"), R"(200 "v1")");
}

TEST_F(ApiTest, CountersAreThereBeforeTheStore) {
  EXPECT_EQ(ask("GET /debug/vars?key=queue"),
            "200 {\n\"queue\": {\"num_flush\": 0, \"num_timeout\": 0, \"objects_rx\": 0, "
            "\"objects_tx\": 0}\n}\n");
  EXPECT_EQ(ask("GET /debug/vars?key=mux"),
            "200 {\n\"mux\": {\"num_connections_handled\": 0, \"num_tls_cert_fetched\": 0, "
            "\"num_unregistered_handlers\": 0}\n}\n");
  EXPECT_NE(ask("GET /debug/vars?key=store").find("\"num_snapshots\": 0, "), std::string::npos);
}

TEST_F(ApiTest, MetricsAreThereBeforeTheStore) {
  EXPECT_EQ(ask("GET /metrics"), "200 # HELP up Whether it runs.\n# TYPE up gauge\nup 1\n");
  EXPECT_EQ(response_.content_type, "text/plain; version=0.0.4; charset=utf-8");
}

TEST_F(ApiTest, AnIdempotencyKeyIsCheckedFirst) {
  constexpr const char* kWrong =
      "400 the Idempotency-Key must be 1 to 255 visible ASCII characters\n";
  for (const char* target : {"POST /db/execute", "POST /db/execute?queue"}) {
    for (const std::string& key :
         {std::string(), std::string("a b"), std::string(256, 'x'), std::string("\xc3\xa4")}) {
      headers_.fields = {{"Idempotency-Key", key}};
      EXPECT_EQ(ask(target, "{}"), kWrong) << key;
    }
    headers_.fields = {{"Idempotency-Key", "a"}, {"Idempotency-Key", "a"}};
    EXPECT_EQ(ask(target, "{}"), kWrong);
    headers_.fields = {{"Idempotency-Key", std::string(255, '~')}};
    EXPECT_EQ(ask(target, "{}"), "400 invalid request\n");
  }
}

}  // namespace
}  // namespace rqlite::http
