#include "discovery/srv_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rqlite::discovery {
namespace {

using testing::ElementsAre;
using namespace std::string_literals;

// An answer to the question for the SRV records of "s.x".
Bytes message(int answers, const Bytes& records) {
  return "\x12\x34\x81\x80\x00\x01\x00"s + static_cast<char>(answers) + "\x00\x00\x00\x00"s +
         "\x01s\x01x\x00\x00\x21\x00\x01"s + records;
}

// A record under the question's name.
Bytes record(int type, const Bytes& data) {
  return "\xc0\x0c\x00"s + static_cast<char>(type) + "\x00\x01\x00\x00\x00\x3c\x00"s +
         static_cast<char>(data.size()) + data;
}

Bytes srv(int port, const Bytes& target) {
  return record(33, "\x00\x01\x00\x02"s + static_cast<char>(port >> 8) +
                        static_cast<char>(port & 255) + target);
}

TEST(SrvAnswerTest, ReadsHostsAndPorts) {
  const Result<std::vector<SrvRecord>> records =
      read_srv_answer(message(2, srv(4002, "\x01n\x01x\x00"s) + srv(65535, "\x02n2\xc0\x0e"s)));
  ASSERT_TRUE(records.ok());
  EXPECT_THAT(*records, ElementsAre(SrvRecord{"n.x", 4002}, SrvRecord{"n2.x", 65535}));
}

TEST(SrvAnswerTest, LeavesOtherRecordsOut) {
  const Bytes alias = record(5, "\x01n\x00"s);
  EXPECT_THAT(*read_srv_answer(message(2, alias + srv(1, "\x01n\x00"s))),
              ElementsAre(SrvRecord{"n", 1}));
  EXPECT_THAT(*read_srv_answer(message(0, "")), ElementsAre());
}

TEST(SrvAnswerTest, ATargetMayBeNowhere) {
  EXPECT_THAT(*read_srv_answer(message(1, srv(0, "\x00"s))), ElementsAre(SrvRecord{"", 0}));
}

TEST(SrvAnswerTest, APartOfAMessageIsNone) {
  const Bytes whole = message(1, srv(4002, "\x01n\x01x\x00"s));
  for (std::size_t size = 0; size < whole.size(); size++) {
    EXPECT_FALSE(read_srv_answer(whole.substr(0, size)).ok()) << size;
  }
  EXPECT_TRUE(read_srv_answer(whole).ok());
}

TEST(SrvAnswerTest, DataThatMakesNoSenseIsRefused) {
  EXPECT_FALSE(read_srv_answer(message(1, record(33, "\x00\x01\x00\x02\x0f\xa2"s))).ok());
  EXPECT_FALSE(read_srv_answer(message(1, srv(1, "\x09n"s))).ok());
  EXPECT_FALSE(read_srv_answer(message(1, srv(1, "\xff\xff"s))).ok());
}

}  // namespace
}  // namespace rqlite::discovery
