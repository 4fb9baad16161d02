#include "cluster/peer_protocol.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "fakes/fake_headers.h"
#include "raft/members.h"

namespace rqlite::cluster {
namespace {

const raft::RaftId kOne(0x1122334455667788);

// No part of what is whole makes `decode` see the same, and none of its bytes that changes makes it
// fall over.
void expect_that_damage_shows(const Bytes& whole,
                              const std::function<std::optional<Bytes>(BytesView)>& decode) {
  EXPECT_EQ(decode(whole), whole);
  for (std::size_t size = 0; size < whole.size(); size++) {
    // With nothing behind the end, so that a sanitizer sees who looks there.
    const std::vector<char> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_NE(decode(BytesView(part.data(), part.size())), whole);
  }
  for (std::size_t at = 0; at < whole.size(); at++) {
    for (int bit = 0; bit < 8; bit++) {
      Bytes changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      (void)decode(changed);
    }
  }
}

// Encodes again what was decoded.
template <typename Decode>
auto again(Decode decode) {
  return [decode](BytesView bytes) -> std::optional<Bytes> {
    const auto decoded = decode(bytes);
    if (!decoded) return std::nullopt;
    return encode(*decoded);
  };
}

SnapshotOffer an_offer() {
  SnapshotOffer offer;
  offer.id = 0x8877665544332211;
  offer.main_bytes = std::uint64_t{1} << 40;
  offer.record.index = raft::Index(7);
  offer.record.term = raft::Term(2);
  offer.record.conf_state = raft::encode_members({{kOne}, {}});
  offer.record.state.cluster_id = "the cluster";
  offer.record.state.members[kOne] = {"one", "host:1"};
  return offer;
}

// Bodies.

TEST(PeerProtocolTest, WhoANodeIs) {
  const Bytes bytes = encode(NodeIdentity{kOne, "one", 7});
  const auto read = decode_node_identity(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->raft_id, kOne);
  EXPECT_EQ(read->node_id, "one");
  EXPECT_EQ(read->process, 7U);
  EXPECT_EQ(decode_node_identity(encode(NodeIdentity{kOne, "one"}))->process, 0U);
  expect_that_damage_shows(bytes, again(decode_node_identity));
}

TEST(PeerProtocolTest, NobodyIsNoNode) {
  EXPECT_FALSE(decode_node_identity("").has_value());
  EXPECT_FALSE(decode_node_identity(encode(NodeIdentity{{}, "one"})).has_value());
}

TEST(PeerProtocolTest, WhoWantsToJoin) {
  for (const bool votes : {true, false}) {
    const Bytes bytes = encode(JoinRequest{{kOne, "one", 7}, "host:1", votes, "the cluster"});
    const auto read = decode_join_request(bytes);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->identity.raft_id, kOne);
    EXPECT_EQ(read->identity.node_id, "one");
    EXPECT_EQ(read->identity.process, 7U);
    EXPECT_EQ(read->raft_address, "host:1");
    EXPECT_EQ(read->wants_vote, votes);
    EXPECT_EQ(read->cluster_id, "the cluster");
    expect_that_damage_shows(bytes, again(decode_join_request));
  }
}

TEST(PeerProtocolTest, WhoeverJoinsHasANameAndAnAddress) {
  EXPECT_TRUE(
      decode_join_request(encode(JoinRequest{{kOne, "one"}, "host:1", true, ""})).has_value());
  EXPECT_FALSE(
      decode_join_request(encode(JoinRequest{{{}, "one"}, "host:1", true, ""})).has_value());
  EXPECT_FALSE(
      decode_join_request(encode(JoinRequest{{kOne, ""}, "host:1", true, ""})).has_value());
  EXPECT_FALSE(decode_join_request(encode(JoinRequest{{kOne, "one"}, "", true, ""})).has_value());
}

TEST(PeerProtocolTest, WhatAMemberSaysOfItself) {
  const Bytes bytes = encode(NodeMeta{"http://host:1", "v10", raft::Index(99)});
  const auto read = decode_node_meta(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->api_url, "http://host:1");
  EXPECT_EQ(read->version, "v10");
  EXPECT_EQ(read->commit, raft::Index(99));
  expect_that_damage_shows(bytes, again(decode_node_meta));
}

TEST(PeerProtocolTest, ASnapshotThatIsOffered) {
  const Bytes bytes = encode(an_offer());
  const auto read = decode_snapshot_offer(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->id, an_offer().id);
  EXPECT_EQ(read->main_bytes, an_offer().main_bytes);
  EXPECT_EQ(read->record.index, raft::Index(7));
  EXPECT_EQ(read->record.state, an_offer().record.state);
  EXPECT_FALSE(read->wants_packing);
  expect_that_damage_shows(bytes, again(decode_snapshot_offer));
  SnapshotOffer packed = an_offer();
  packed.wants_packing = true;
  EXPECT_TRUE(decode_snapshot_offer(encode(packed))->wants_packing);
  expect_that_damage_shows(encode(packed), again(decode_snapshot_offer));
}

TEST(PeerProtocolTest, AnOfferWithoutASnapshotIsNone) {
  EXPECT_FALSE(decode_snapshot_offer("").has_value());
  SnapshotOffer half = an_offer();
  half.record.phase = store::SnapshotRecord::Phase::kIntent;
  EXPECT_FALSE(decode_snapshot_offer(encode(half)).has_value());
  SnapshotOffer of_nobody = an_offer();
  of_nobody.record.conf_state = "nonsense";
  EXPECT_FALSE(decode_snapshot_offer(encode(of_nobody)).has_value());
}

TEST(PeerProtocolTest, WhatABatchDid) {
  BatchResults results;
  results.index = raft::Index(12);
  results.results.resize(2);
  results.results[0].statements.resize(1);
  results.results[0].statements[0].rows_affected = 3;
  results.results[1].error = "no";
  const Bytes bytes = encode(results);
  const auto read = decode_batch_results(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->index, raft::Index(12));
  ASSERT_EQ(read->results.size(), 2u);
  EXPECT_EQ(read->results[0].statements[0].rows_affected, 3);
  EXPECT_EQ(read->results[1].error, "no");
  expect_that_damage_shows(bytes, again(decode_batch_results));
}

TEST(PeerProtocolTest, WhichOfABatchWereAnsweredByTheirKeys) {
  using Key = command::RequestResult::Key;
  BatchResults results;
  results.results.resize(4);
  results.results[1].key = Key::kReplayed;
  results.results[2].key = Key::kReused;
  const Bytes bytes = encode(results);
  const auto read = decode_batch_results(bytes);
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->results.size(), 4u);
  EXPECT_EQ(read->results[0].key, Key::kFirst);
  EXPECT_EQ(read->results[1].key, Key::kReplayed);
  EXPECT_EQ(read->results[2].key, Key::kReused);
  EXPECT_EQ(read->results[3].key, Key::kFirst);
  expect_that_damage_shows(bytes, again(decode_batch_results));
  // Of no result, and in a way that nobody knows.
  EXPECT_FALSE(decode_batch_results(BytesView("\x18\x01", 2)).has_value());
  EXPECT_FALSE(decode_batch_results(BytesView("\x12\x00\x18\x03", 4)).has_value());
}

TEST(PeerProtocolTest, HowLongTheStatementsOfABatchTook) {
  BatchResults results;
  results.results.resize(3);
  results.results[1].statements.resize(2);
  results.results[1].statements[1].seconds = 0.25;
  results.results[2].statements.resize(1);
  const Bytes bytes = encode(results);
  const auto read = decode_batch_results(bytes);
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->results.size(), 3u);
  EXPECT_EQ(read->results[1].statements[0].seconds, 0);
  EXPECT_EQ(read->results[1].statements[1].seconds, 0.25);
  EXPECT_EQ(read->results[2].statements[0].seconds, 0);
  expect_that_damage_shows(bytes, again(decode_batch_results));
  // Of no result, of no statement, and of half a number.
  EXPECT_FALSE(decode_batch_results(BytesView("\x22\x08"
                                              "12345678",
                                              10))
                   .has_value());
  EXPECT_FALSE(decode_batch_results(BytesView("\x12\x00\x22\x08"
                                              "12345678",
                                              12))
                   .has_value());
  EXPECT_FALSE(decode_batch_results(BytesView("\x12\x00\x22\x01x", 5)).has_value());
}

TEST(PeerProtocolTest, AFieldOfAnotherFormIsPassedOver) {
  // Field 3 of NodeMeta as a text, and a field that nobody knows.
  const auto read = decode_node_meta(BytesView("\x1A\x01x\x78\x05", 5));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->commit, raft::Index());
}

TEST(PeerProtocolTest, ALengthThatIsNotThereIsAnError) {
  for (const BytesView bytes : {BytesView("\x0A\xFF\xFF\xFF\xFF\x7F", 6),
                                BytesView("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 10),
                                BytesView("\x0A\x05xx", 4), BytesView("\x0B", 1)}) {
    EXPECT_FALSE(decode_node_meta(bytes).has_value());
    EXPECT_FALSE(decode_join_request(bytes).has_value());
    EXPECT_FALSE(decode_snapshot_offer(bytes).has_value());
    EXPECT_FALSE(decode_batch_results(bytes).has_value());
  }
}

// Parts of a snapshot.

TEST(PeerProtocolTest, APartComesAsItIs) {
  for (const Bytes& content : {Bytes(), Bytes("x"), Bytes(kPartBytes, 'x')}) {
    EXPECT_EQ(decode_part(encode_part(content)), content);
  }
}

TEST(PeerProtocolTest, APartThatIsDamagedIsNone) {
  const Bytes whole = encode_part("some pages");
  for (std::size_t size = 0; size < whole.size(); size++) {
    EXPECT_FALSE(decode_part(whole.substr(0, size)).has_value());
  }
  for (std::size_t at = 0; at < whole.size(); at++) {
    Bytes changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(decode_part(changed).has_value());
  }
  EXPECT_FALSE(decode_part(whole + "x").has_value());
}

// Failures.

TEST(PeerProtocolTest, AFailureArrivesAsItWas) {
  for (const Code code :
       {Code::kInvalid, Code::kNoLeader, Code::kNotLeader, Code::kUnavailable, Code::kDeadline,
        Code::kUnknown, Code::kTooLarge, Code::kFull, Code::kDiskFull, Code::kFailed}) {
    const net::Response response = failure({code, "why"});
    EXPECT_EQ(response.status, code == Code::kInvalid ? 403 : 503);
    net::HeaderFields fields;
    for (const auto& [name, value] : response.headers) fields.emplace_back(name, value);
    EXPECT_EQ(failure_of(response.status, fields, response.body), Status(code, "why"));
  }
}

TEST(PeerProtocolTest, ARefusalAtTheLeadersAddressIsNotTheLeaders) {
  const auto at_leader = [](const Status& why) {
    const net::Response response = failure(why);
    net::HeaderFields fields;
    for (const auto& [name, value] : response.headers) fields.emplace_back(name, value);
    return failure_of_leader(response.status, fields, response.body);
  };
  EXPECT_EQ(at_leader({Code::kInvalid, "why"}),
            Status(Code::kUnavailable, "another node answers at the leader's address: why"));
  EXPECT_EQ(at_leader({Code::kDiskFull, "why"}), Status(Code::kDiskFull, "why"));
}

TEST(PeerProtocolTest, AnAnswerWithoutACodeIsSomebodyElses) {
  const std::string name(kCodeHeader);
  for (const net::HeaderFields& fields :
       {net::HeaderFields(), net::HeaderFields{{name, "0"}}, net::HeaderFields{{name, "99"}},
        net::HeaderFields{{name, "-1"}}, net::HeaderFields{{name, "many"}},
        net::HeaderFields{{name, "99999999999999999999"}}}) {
    EXPECT_EQ(failure_of(502, fields, "a proxy's words"),
              Status(Code::kUnavailable, "unexpected answer 502 of another node: a proxy's words"));
    // Who had the request before may have gone on with it.
    EXPECT_EQ(failure_of_leader(502, fields, "a proxy's words"),
              Status(Code::kUnknown, "unexpected answer 502 of another node: a proxy's words"));
  }
  EXPECT_EQ(failure_of(502, {}, "<html>\n</html>\n").text(),
            "unexpected answer 502 of another node: <html> </html>");
}

TEST(PeerProtocolTest, WhatAnAnswerSaysIsOneLine) {
  EXPECT_EQ(message_in("store not open\n"), "store not open");
  EXPECT_EQ(message_in("two\r\nlines\r\n\n"), "two  lines");
  EXPECT_EQ(message_in("\x1b[31m\x7f caf\xc3\xa9"), " [31m  caf\xc3\xa9");
  EXPECT_EQ(message_in("\n"), "");
  EXPECT_EQ(message_in(""), "");
}

// Headers.

TEST(PeerProtocolTest, ARaftIdIsSixteenDigits) {
  EXPECT_EQ(to_text(raft::RaftId(0xab)), "00000000000000ab");
  EXPECT_EQ(raft_id_of(to_text(kOne)), kOne);
  for (const char* text :
       {"", "0", "0000000000000000", "xyz", "12 ", " 12", "-1", "0x12", "11111111111111111"}) {
    EXPECT_FALSE(raft_id_of(text).has_value()) << text;
  }
}

TEST(PeerProtocolTest, AHeaderThatComesTwiceSaysNothing) {
  FakeHeaders headers;
  net::Request request;
  request.headers = &headers;
  EXPECT_FALSE(header_of(request, kFromHeader).has_value());
  headers.fields = {{std::string(kFromHeader), "a"}};
  EXPECT_EQ(header_of(request, kFromHeader), "a");
  headers.fields.emplace_back(kFromHeader, "a");
  EXPECT_FALSE(header_of(request, kFromHeader).has_value());
}

TEST(PeerProtocolTest, TheOriginOfAWriteIsFourNumbers) {
  FakeHeaders headers;
  net::Request request;
  request.headers = &headers;
  EXPECT_FALSE(origin_of(request).has_value());
  command::Origin origin;
  origin.member = kOne.value();
  origin.epoch = UINT64_MAX;
  origin.number = 5;
  origin.answered_below = 0;
  headers.fields = {{std::string(kOriginHeader), to_text(origin)}};
  const auto read = origin_of(request);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(to_text(*read), to_text(origin));
  for (const char* text : {"", "1", "1-2-3", "1-2-3-4-", "1-2-3-4-5", "1-2-3-x", "-1-2-3-4",
                           "1--2-3-4", "1-2-3-11111111111111111", "1 -2-3-4"}) {
    headers.fields = {{std::string(kOriginHeader), text}};
    EXPECT_FALSE(origin_of(request).has_value()) << text;
  }
}

}  // namespace
}  // namespace rqlite::cluster
