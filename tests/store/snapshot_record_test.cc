#include "store/snapshot_record.h"

#include <gtest/gtest.h>

namespace rqlite::store {
namespace {

SnapshotRecord a_record() {
  SnapshotRecord record;
  record.index = raft::Index(7);
  record.term = raft::Term(3);
  record.conf_state = "members";
  record.state.cluster_id = "the cluster";
  record.state.members[raft::RaftId(1)] = {"one", "host:1"};
  record.state.members[raft::RaftId(2)] = {"two", "host:2", false};
  record.state.session.foreign_keys = true;
  record.state.session.counters.changes = -1;
  record.state.streams.resize(1);
  record.state.streams[0].node_id = "one";
  record.state.streams[0].last = 9;
  record.state.streams[0].member = raft::RaftId(7);
  record.state.senders.resize(1);
  record.state.senders[0].member = raft::RaftId(2);
  record.state.journal = {5, 100, 77};
  return record;
}

TEST(SnapshotRecordTest, IsReadAsItWasWritten) {
  const SnapshotRecord record = a_record();
  const std::optional<SnapshotRecord> read = decode_snapshot_record(encode_snapshot_record(record));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->index, record.index);
  EXPECT_EQ(read->term, record.term);
  EXPECT_EQ(read->conf_state, record.conf_state);
  EXPECT_EQ(read->state, record.state);
}

TEST(SnapshotRecordTest, WhatIsCutOffOrChangedIsNoneOrAnother) {
  const Bytes whole = encode_snapshot_record(a_record());
  for (std::size_t size = 0; size < whole.size(); size++) {
    const auto part = decode_snapshot_record(BytesView(whole).substr(0, size));
    EXPECT_TRUE(!part || encode_snapshot_record(*part) != whole);
  }
  for (std::size_t at = 0; at < whole.size(); at++) {
    for (int bit = 0; bit < 8; bit++) {
      Bytes changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      (void)decode_snapshot_record(changed);
    }
  }
}

TEST(SnapshotRecordTest, AFieldOfAnotherFormIsAnError) {
  // The version and the phase as they should be, and the index as a text.
  EXPECT_TRUE(decode_snapshot_record(BytesView("\x08\x01\x10\x00", 4)).has_value());
  EXPECT_FALSE(decode_snapshot_record(BytesView("\x08\x01\x10\x00\x1A\x01x", 7)).has_value());
}

}  // namespace
}  // namespace rqlite::store
