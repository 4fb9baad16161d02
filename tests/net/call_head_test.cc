#include "net/call_head.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace rqlite::net {
namespace {

class NoSource final : public BodySource {
 public:
  void next(Then then) override { then(Bytes()); }
};

std::string text_of(const Call& call) {
  const Result<Bytes> head = head_of(call);
  return head.ok() ? *head : head.error().text();
}

Call a_call(const std::string& method) {
  Call call;
  call.address = "[::1]:4002";
  call.method = method;
  call.target = "/a?b";
  return call;
}

TEST(CallHeadTest, SaysHowLongTheBodyIs) {
  const std::string host = "/a?b HTTP/1.1\r\nHost: [::1]:4002\r\n";
  EXPECT_EQ(text_of(a_call("GET")), "GET " + host + "\r\n");
  EXPECT_EQ(text_of(a_call("DELETE")), "DELETE " + host + "\r\n");
  EXPECT_EQ(text_of(a_call("POST")), "POST " + host + "Content-Length: 0\r\n\r\n");
  Call call = a_call("GET");
  call.body = "abc";
  EXPECT_EQ(text_of(call), "GET " + host + "Content-Length: 3\r\n\r\n");
  call = a_call("GET");
  call.source = std::make_shared<NoSource>();
  EXPECT_EQ(text_of(call), "GET " + host + "Transfer-Encoding: chunked\r\n\r\n");
}

TEST(CallHeadTest, HoldsTheFieldsInTheirOrder) {
  Call call = a_call("GET");
  call.headers = {{"B", "2, 3"}, {"A", ""}, {"B", "1"}};
  EXPECT_EQ(text_of(call),
            "GET /a?b HTTP/1.1\r\nHost: [::1]:4002\r\nB: 2, 3\r\nA: \r\nB: 1\r\n\r\n");
}

TEST(CallHeadTest, NothingGetsOutOfItsPlace) {
  Call call = a_call("GET /");
  EXPECT_EQ(text_of(call), "invalid method \"GET /\"");
  for (const std::string target : {"", "/ HTTP/1.0", "/\r\nX: y", "/\t", "/\x7f"}) {
    call = a_call("GET");
    call.target = target;
    EXPECT_EQ(text_of(call), "invalid request target");
  }
  call = a_call("GET");
  call.address = "a:1\r\nX: y";
  EXPECT_EQ(text_of(call), "invalid address");
  call = a_call("GET");
  call.headers = {{"X", "a\r\nY: b"}};
  EXPECT_EQ(text_of(call), "invalid value of the header field X");
  call.headers = {{"X: a\r\nY", "b"}};
  EXPECT_EQ(text_of(call), "invalid header field name");
  EXPECT_EQ(head_of(call).error().code(), Code::kInvalid);
}

TEST(CallHeadTest, ARequestHasOneBody) {
  Call call = a_call("POST");
  call.body = "abc";
  call.source = std::make_shared<NoSource>();
  EXPECT_EQ(text_of(call), "a request has one body");
}

}  // namespace
}  // namespace rqlite::net
