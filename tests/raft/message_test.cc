#include "raft/message.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "raft/members.h"
#include "raft/peer_message.h"

namespace rqlite::raft {
namespace {

LogEntry entry(std::uint64_t index, Bytes data) {
  LogEntry made;
  made.index = Index(index);
  made.term = Term(2);
  made.data = std::move(data);
  return made;
}

PeerMessage append_of(std::vector<LogEntry> entries) {
  PeerMessage message;
  message.type = PeerMessage::Type::kAppend;
  message.to = RaftId(1);
  message.from = RaftId(2);
  message.term = Term(2);
  message.entries = std::move(entries);
  return message;
}

TEST(MessageTest, TellsHowManyEntriesItBrings) {
  const auto none = peek_message(encode_message(append_of({})));
  ASSERT_TRUE(none);
  EXPECT_EQ(none->entries, 0u);
  EXPECT_EQ(none->entry_bytes, 0u);
  EXPECT_FALSE(none->snapshot);

  const auto two =
      peek_message(encode_message(append_of({entry(1, Bytes(100, 'a')), entry(2, "")})));
  ASSERT_TRUE(two);
  EXPECT_EQ(two->entries, 2u);
  EXPECT_GE(two->entry_bytes, 100u);
  EXPECT_LT(two->entry_bytes, 140u);
}

TEST(MessageTest, TellsTheSnapshotItBrings) {
  PeerMessage message = append_of({});
  message.type = PeerMessage::Type::kSnapshot;
  message.snapshot = {Index(300), Term(7), encode_members({{RaftId(1), RaftId(2)}, {}}),
                      "manifest"};
  const auto content = peek_message(encode_message(message));
  ASSERT_TRUE(content && content->snapshot);
  EXPECT_EQ(content->snapshot->index, Index(300));
  EXPECT_EQ(content->snapshot->term, Term(7));
  EXPECT_EQ(content->snapshot->conf_state, message.snapshot->conf_state);
  EXPECT_EQ(content->snapshot->data, "manifest");
}

TEST(MessageTest, TellsWhatItsLeaderCountsOn) {
  PeerMessage message = append_of({});
  message.type = PeerMessage::Type::kHeartbeat;
  message.commit = Index(12);
  const auto heartbeat = peek_message(encode_message(message));
  ASSERT_TRUE(heartbeat);
  EXPECT_TRUE(heartbeat->is_heartbeat);
  EXPECT_FALSE(heartbeat->is_append);
  EXPECT_EQ(heartbeat->term, Term(2));
  EXPECT_EQ(heartbeat->commit, Index(12));
}

TEST(MessageTest, TellsWhereItsEntriesBelong) {
  PeerMessage message = append_of({entry(8, "a"), entry(9, "b")});
  message.index = Index(7);
  message.log_term = Term(1);
  const Bytes bytes = encode_message(message);
  const auto append = peek_message(bytes);
  ASSERT_TRUE(append);
  EXPECT_TRUE(append->is_append);
  EXPECT_FALSE(append->is_heartbeat);
  EXPECT_EQ(append->before, (EntryId{Index(7), Term(1)}));
  EXPECT_EQ(entries_of(bytes), (std::vector<EntryId>{{Index(8), Term(2)}, {Index(9), Term(2)}}));
}

TEST(MessageTest, TellsWhetherTheSenderHasRoom) {
  const Bytes message = encode_message(append_of({entry(1, "a")}));
  EXPECT_TRUE(peek_message(message)->has_room);
  EXPECT_FALSE(peek_message(without_room(message))->has_room);
  EXPECT_EQ(decode_message(without_room(message)).entries.size(), 1u);
}

TEST(MessageTest, TellsWhetherLeadershipIsHandedOver) {
  PeerMessage message = append_of({});
  EXPECT_FALSE(peek_message(encode_message(message))->hands_over);
  message.type = PeerMessage::Type::kTimeoutNow;
  EXPECT_TRUE(peek_message(encode_message(message))->hands_over);
}

TEST(MessageTest, SurvivesNoise) {
  PeerMessage message = append_of({entry(1, Bytes(30, 'a'))});
  message.snapshot = {Index(300), Term(7), encode_members({{RaftId(1)}, {}}), "manifest"};
  const Bytes whole = encode_message(message);
  for (std::size_t size = 0; size < whole.size(); size++) {
    (void)peek_message(BytesView(whole).substr(0, size));
  }
  Random random(1);
  for (int i = 0; i < 20'000; i++) {
    Bytes noise = whole;
    for (int n = 0; n < 3; n++) {
      noise[random.below(noise.size())] = static_cast<char>(random.next());
    }
    (void)peek_message(noise);
    (void)entries_of(noise);
  }
}

TEST(MessageTest, TellsWhoSpeaksToWhom) {
  const auto content = peek_message(encode_message(append_of({})));
  ASSERT_TRUE(content);
  EXPECT_EQ(content->from, RaftId(2));
  EXPECT_EQ(content->to, RaftId(1));
}

TEST(MessageTest, ASnapshotTakesAnothersPlace) {
  PeerMessage message = append_of({});
  message.type = PeerMessage::Type::kSnapshot;
  message.index = Index(12);
  message.context = "context";
  message.snapshot = {Index(300), Term(7), encode_members({{RaftId(1)}, {}}), "manifest"};
  const Snapshot other{Index(400), Term(8), encode_members({{RaftId(1), RaftId(2)}, {RaftId(3)}}),
                       "another"};
  const Bytes bytes = with_snapshot(encode_message(message), other);
  const PeerMessage changed = decode_message(bytes);
  EXPECT_EQ(changed.type, message.type);
  EXPECT_EQ(changed.from, message.from);
  EXPECT_EQ(changed.to, message.to);
  EXPECT_EQ(changed.term, message.term);
  EXPECT_EQ(changed.index, message.index);
  EXPECT_EQ(changed.context, message.context);
  const std::optional<Snapshot> snapshot = peek_message(bytes)->snapshot;
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->index, other.index);
  EXPECT_EQ(snapshot->term, other.term);
  EXPECT_EQ(snapshot->data, other.data);
  EXPECT_EQ(decode_members(snapshot->conf_state).learners, std::vector{RaftId(3)});
}

}  // namespace
}  // namespace rqlite::raft
