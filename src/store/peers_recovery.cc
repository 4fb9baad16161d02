#include "store/peers_recovery.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.h"
#include "raft/members.h"
#include "store/identity.h"
#include "store/log_replay.h"
#include "store/membership.h"

namespace rqlite::store {
namespace {

// Whom a peer is, by what the node knows of its cluster.
std::optional<raft::RaftId> raft_id_of(const RecoveredPeer& peer, const RecoveringNode& self,
                                       const Membership& known) {
  if (const auto id = known.find_node(peer.node_id)) return id;
  if (const auto id = known.find_address(peer.raft_address)) return id;
  if (peer.node_id == self.node_id || peer.raft_address == self.raft_address) return self.raft_id;
  return std::nullopt;
}

}  // namespace

Result<Snapshotter::Applied> PeersRecovery::with_peers(Snapshotter::Applied state) const {
  const Membership known(state.state.members, state.conf_state);
  std::map<raft::RaftId, Member> members;
  raft::Members parts;
  for (const RecoveredPeer& peer : options_.peers) {
    const std::optional<raft::RaftId> id = raft_id_of(peer, options_.node, known);
    if (!id || members.contains(*id)) {
      log("store",
          "node with ID {}, at {}, is no member that this node knows, and is left out: let it join "
          "with an empty data directory",
          peer.node_id, peer.raft_address);
      continue;
    }
    members.emplace(*id, Member{peer.node_id, peer.raft_address, peer.votes});
    (peer.votes ? parts.voters : parts.learners).push_back(*id);
  }
  if (parts.voters.empty()) {
    return Status(Code::kInvalid,
                  "none of the voters that are to be is a member that this node knows");
  }
  if (!members.contains(options_.node.raft_id)) {
    log("store", "this node (ID={}) is not among those that are to be members",
        options_.node.node_id);
  }
  std::sort(parts.voters.begin(), parts.voters.end());
  std::sort(parts.learners.begin(), parts.learners.end());
  state.conf_state = raft::encode_members(parts);
  state.state.cluster_id =
      recovered_cluster_id(state.state.cluster_id, state.index, state.term, members, parts);
  state.state.members = std::move(members);
  state.state.incoming.reset();  // who sent it does not lead any more
  return state;
}

std::string PeersRecovery::mark_of(const std::string& cluster_id, raft::Index index) const {
  std::string peers;
  for (const RecoveredPeer& peer : options_.peers) {
    peers += fmt::format("{}:{} {}:{} {}\n", peer.node_id.size(), peer.node_id,
                         peer.raft_address.size(), peer.raft_address, peer.votes);
  }
  return fmt::format("{} {} {:016x}", cluster_id, index.to_string(),
                     XXH3_64bits(peers.data(), peers.size()));
}

Status PeersRecovery::run(const SnapshotRecord& record) {
  if (record.index == raft::Index()) {
    return {Code::kInvalid,
            "this node has no data, and is of no cluster: there is nothing to recover"};
  }
  Result<std::unique_ptr<LogReplay>> opened =
      LogReplay::open({options_.node.raft_id, options_.node.node_id, options_.foreign_keys,
                       options_.extensions, options_.base_vfs, options_.log_segment_bytes},
                      files_, paths_, slot_, clock_, record);
  if (!opened.ok()) return opened.error();
  LogReplay& replay = **opened;
  // Written before the record that it tells of, by a process that may have died right after that.
  const Result<Bytes> mark = files_.read_file(paths_.recovery_mark());
  const bool done = mark.ok() && replay.last() == record.index &&
                    *mark == mark_of(record.state.cluster_id, record.index);
  if (!done) {
    RETURN_IF_ERROR(replay.apply_all());
    const Result<Snapshotter::Applied> as = with_peers(replay.applied());
    if (!as.ok()) return as.error();
    RETURN_IF_ERROR(
        files_.replace_file(paths_.recovery_mark(), mark_of(as->state.cluster_id, as->index)));
    RETURN_IF_ERROR(replay.take_snapshot(*as));
    log("store", "recovered all entries up to {}, of term {}, as cluster {}", as->index.to_string(),
        as->term.to_string(), as->state.cluster_id);
  }
  RETURN_IF_ERROR(replay.empty_log(replay.applied().index, replay.applied().term));
  RETURN_IF_ERROR(files_.rename(options_.file, options_.done_file));
  RETURN_IF_ERROR(files_.sync_directory(parent_directory(options_.file)));
  return files_.remove(paths_.recovery_mark());
}

}  // namespace rqlite::store
