#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "raft/types.h"
#include "store/replicated_state.h"

namespace rqlite::store {

// What the main file holds, or is about to: the one small durable value of a data directory,
// which each step of a snapshot replaces (see snapshotter.h for the steps).
struct SnapshotRecord {
  enum class Phase {
    kComplete,  // the main file is the database at `index`; the WAL is worth nothing
    kIntent,    // the main file is so once the first `wal_bytes` of the WAL are copied into it
    kReplace,   // the file `replacement` is it, and takes the main file's place; the WAL goes
  };

  Phase phase = Phase::kComplete;
  raft::Index index;
  raft::Term term;
  Bytes conf_state;
  ReplicatedState state;
  // Of an intent: how much of the WAL counts, and its header, which tells that it is the same.
  std::uint64_t wal_bytes = 0;
  Bytes wal_header;
  std::uint64_t replacement = 0;  // the number of the file that was put aside
};

Bytes encode_snapshot_record(const SnapshotRecord& record);

// Nullopt if `bytes` is not a record, or one of a newer version.
std::optional<SnapshotRecord> decode_snapshot_record(BytesView bytes);

}  // namespace rqlite::store
