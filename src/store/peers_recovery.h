#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/slot_file.h"
#include "raft/types.h"
#include "sqlite/extensions.h"
#include "store/database_files.h"
#include "store/snapshot_record.h"
#include "store/snapshotter.h"

namespace rqlite::store {

// A member of the cluster that is to come out of a recovery, as people know it.
struct RecoveredPeer {
  std::string node_id;
  std::string raft_address;
  bool votes = true;
};

// The node that is recovered.
struct RecoveringNode {
  raft::RaftId raft_id;
  std::string node_id;
  std::string raft_address;
};

// Gives a node whose cluster has lost its majority the members that somebody says: all that its log
// holds is applied, committed or not, and becomes a snapshot at the last entry that has those
// members. Then the log is empty.
//
// Others may be recovered with the same members, each by itself. They are one cluster only if they
// had the same: so the cluster gets another id, which follows from the old one, the last entry and
// the members. Of one cluster, logs that end with an entry of the same index and term are equal.
// Whoever was recovered from another tail, or was not recovered, is of another cluster then, and
// refused by its members.
//
// Peers are those that the node knows as members, by node id or, for one whose node id has changed,
// by address; others have to join, and are left out.
//
// Durable by one record. If the process dies before, nothing has happened; if it dies later, the
// same recovery once more finds out that it was done. Blocks; no store may be open.
class PeersRecovery {
 public:
  struct Options {
    RecoveringNode node;
    std::vector<RecoveredPeer> peers;
    std::string file;           // that says who the peers are
    std::string done_file;      // what it is called when the recovery is done
    bool foreign_keys = false;  // these as in Store::Options
    sqlite::Extensions extensions = {};
    const char* base_vfs = nullptr;
    std::uint64_t log_segment_bytes = 16 << 20;
  };

  // `slot` holds `record`, which is complete. All but `options` must outlive it.
  PeersRecovery(Options options, FileSystem& files, const DatabaseFiles& paths, SlotFile& slot,
                const Clock& clock)
      : options_(std::move(options)), files_(files), paths_(paths), slot_(slot), clock_(clock) {}

  // Not ok: the peers cannot be members, or the disk failed; the file is still there.
  Status run(const SnapshotRecord& record);

 private:
  // The same state as of another cluster, that of the peers.
  [[nodiscard]] Result<Snapshotter::Applied> with_peers(Snapshotter::Applied state) const;
  // What tells that a record is the outcome of this very recovery.
  [[nodiscard]] std::string mark_of(const std::string& cluster_id, raft::Index index) const;

  const Options options_;
  FileSystem& files_;
  const DatabaseFiles& paths_;
  SlotFile& slot_;
  const Clock& clock_;
};

}  // namespace rqlite::store
