#include "net/dial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/client_fixture.h"
#include "net/held_names.h"

namespace rqlite::net {
namespace {

using namespace std::chrono_literals;
using ::testing::MatchesRegex;

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

// Dials names that the test knows, where nobody shakes hands.
class DialByNameTest : public ::testing::Test {
 protected:
  // Between which ends the connection is, or why there is none.
  std::string dial(const std::string& address, std::chrono::nanoseconds timeout = 30s) {
    std::optional<std::string> told;
    const auto dial =
        std::make_shared<Dial>(Dial::Means{io_, lookup_, nullptr}, address, timeout,
                               [&](const Result<std::unique_ptr<Link>>& link) {
                                 told = link.ok() ? (*link)->between : link.error().text();
                               });
    dial->start();
    while (!told) {
      io_.restart();
      io_.run_one_for(10ms);
    }
    return *told;
  }
  [[nodiscard]] std::string port() const { return ":" + std::to_string(peer_.port()); }

  RawPeer peer_;
  boost::asio::io_context io_;
  HeldNames names_;
  Lookup lookup_{io_, names_.ask()};
};

TEST_F(DialByNameTest, AddressesAreTriedOneAfterTheOther) {
  names_.answer("node", {"127.0.0.2", "127.0.0.3", "127.0.0.1"});
  EXPECT_THAT(dial("node" + port()), MatchesRegex("127.0.0.1:[0-9]+->127.0.0.1" + port()));
}

TEST_F(DialByNameTest, OfManyErrorsTheFirstIsTold) {
  names_.answer("node", {"127.0.0.2", "127.0.0.3"});
  EXPECT_EQ(dial("node" + port()), "dial tcp 127.0.0.2" + port() + ": connect: connection refused");
}

TEST_F(DialByNameTest, ANameThatTakesTooLongIsGivenUp) {
  EXPECT_EQ(dial("slow:1", 5ms), "dial tcp: lookup slow: i/o timeout");
  names_.answer("slow", {"127.0.0.1"});
}

TEST_F(DialByNameTest, AnAddressThatTakesTooLongIsGivenUp) {
  const RawPeer busy(0);
  EXPECT_THAT(dial(busy.address()), MatchesRegex(".*->" + busy.address()));
  EXPECT_EQ(dial(busy.address(), 5ms), "dial tcp " + busy.address() + ": i/o timeout");
}

TEST_F(DialByNameTest, ANameThatNobodyKnowsIsTold) {
  names_.answer("node", {}, "no such host");
  EXPECT_EQ(dial("node:1"), "dial tcp: lookup node: no such host");
}

TEST_F(DialByNameTest, GivenUpItTellsNobody) {
  bool told = false;
  const auto dial =
      std::make_shared<Dial>(Dial::Means{io_, lookup_, nullptr}, "slow:1", 30s,
                             [&](const Result<std::unique_ptr<Link>>&) { told = true; });
  dial->start();
  dial->give_up();
  names_.answer("slow", {"127.0.0.1"});
  io_.restart();
  while (io_.run_one_for(10ms) > 0) continue;
  EXPECT_FALSE(told);
}

}  // namespace
}  // namespace rqlite::net
