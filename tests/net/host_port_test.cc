#include "net/host_port.h"

#include <gtest/gtest.h>

namespace rqlite::net {
namespace {

std::string parse(std::string_view text) {
  const Result<HostPort> parsed = HostPort::parse(text);
  return parsed.ok() ? parsed->host + " " + std::to_string(parsed->port) : parsed.error().text();
}

TEST(HostPortTest, ReadsNamesAndAddresses) {
  EXPECT_EQ(parse("localhost:4001"), "localhost 4001");
  EXPECT_EQ(parse("10.0.0.1:1"), "10.0.0.1 1");
  EXPECT_EQ(parse("[::1]:65535"), "::1 65535");
}

TEST(HostPortTest, SaysWhatIsWrong) {
  EXPECT_EQ(parse("localhost"), "address localhost: missing port in address");
  EXPECT_EQ(parse(""), "address : missing port in address");
  EXPECT_EQ(parse("[::1]"), "address [::1]: missing port in address");
  EXPECT_EQ(parse("::1"), "address ::1: too many colons in address");
  EXPECT_EQ(parse("http://a:1"), "address http://a:1: too many colons in address");
  EXPECT_EQ(parse("[::1:1"), "address [::1:1: missing ']' in address");
  EXPECT_EQ(parse("a[b]:1"), "address a[b]:1: unexpected bracket in address");
  EXPECT_EQ(parse(":1"), "address :1: missing host in address");
  for (const std::string port : {"", "0", "65536", "-1", "+1", "x", "1x", " 1"}) {
    EXPECT_EQ(parse("a:" + port), "address a:" + port + ": invalid port");
  }
}

}  // namespace
}  // namespace rqlite::net
