#include "net/dial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/client_fixture.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;

using DialTest = ClientTest;

INSTANTIATE_TEST_SUITE_P(, DialTest, ::testing::Values(Transport::kPlain, Transport::kTls),
                         name_of);

TEST_P(DialTest, AnAddressThatIsNoneIsRefused) {
  Call call = a_call("/");
  for (const auto& [address, why] :
       {std::pair("localhost", "dial tcp: address localhost: missing port in address"),
        {"::1:4001", "dial tcp: address ::1:4001: too many colons in address"},
        {"localhost:http", "dial tcp: address localhost:http: invalid port"}}) {
    call.address = address;
    const CallResult result = client_.fetch(call, kMebibyte);
    EXPECT_EQ(result.response.status(), Status(Code::kInvalid, why));
  }
}

TEST_P(DialTest, NamesAreLookedUp) {
  Call call = a_call("/x");
  call.address = "localhost" + call.address.substr(call.address.rfind(':'));
  EXPECT_EQ(text_of(client_.fetch(call, kMebibyte)), "200 GET /x? \n");
}

TEST_P(DialTest, AHostThatIsNotThereIsNamed) {
  Call call = a_call("/x");
  call.address = "no such host:1";
  const CallResult result = client_.fetch(call, kMebibyte);
  EXPECT_EQ(result.response.status().code(), Code::kUnavailable);
  EXPECT_EQ(text_of(result), "dial tcp: lookup no such host: no such host");
  EXPECT_EQ(only(client_).failed_dials, 1u);
}

using DialToRawPeerTest = RawPeerTest;

TEST_F(DialToRawPeerTest, NobodyListens) {
  Call call = a_call();
  {
    const RawPeer gone;
    call.address = gone.address();
  }
  const CallResult result = client_.fetch(call, kMebibyte);
  EXPECT_EQ(
      result.response.status(),
      Status(Code::kUnavailable, "dial tcp " + call.address + ": connect: connection refused"));
  EXPECT_FALSE(result.sent);
}

}  // namespace
}  // namespace rqlite::net
