#include "rqlited/store_options.h"

#include <string>
#include <tuple>
#include <utility>

#include "base/duration.h"
#include "base/log.h"
#include "cluster/peers_file.h"

namespace rqlite::rqlited {
namespace {

using namespace std::chrono_literals;

// Zero means the usual.
Options::Duration effective(Options::Duration given, Options::Duration usual) {
  return given == Options::Duration::zero() ? usual : given;
}

Options::Duration snapshot_interval(const Options& options) {
  return effective(options.raft_snap_int, 2min);
}

Status set_timeouts(const Options& options, store::Consensus::Options& to) {
  to.heartbeat_timeout = effective(options.raft_heartbeat_timeout, 1s);
  to.election_timeout = election_timeout(options);
  to.lease_timeout = effective(options.raft_leader_lease_timeout, 500ms);
  to.commit_timeout = effective(options.raft_commit_timeout, 50ms);
  to.apply_timeout = options.raft_apply_timeout;
  const std::string context = "creating the raft system failed: ";
  for (const auto& [name, time, least] : {std::tuple("HeartbeatTimeout", to.heartbeat_timeout, 5ms),
                                          {"ElectionTimeout", to.election_timeout, 5ms},
                                          {"CommitTimeout", to.commit_timeout, 1ms},
                                          {"SnapshotInterval", snapshot_interval(options), 5ms},
                                          {"LeaderLeaseTimeout", to.lease_timeout, 5ms}}) {
    if (time < least) return {Code::kInvalid, context + name + " is too low"};
  }
  if (to.lease_timeout > to.heartbeat_timeout) {
    return {Code::kInvalid, context + "LeaderLeaseTimeout (" + format_duration(to.lease_timeout) +
                                ") cannot be larger than heartbeat timeout (" +
                                format_duration(to.heartbeat_timeout) + ")"};
  }
  if (to.election_timeout < to.heartbeat_timeout) {
    return {Code::kInvalid, context + "ElectionTimeout (" + format_duration(to.election_timeout) +
                                ") must be equal or greater than Heartbeat Timeout (" +
                                format_duration(to.heartbeat_timeout) + ")"};
  }
  return {};
}

}  // namespace

Result<store::Store::Options> store_options(const Options& options) {
  store::Store::Options store;
  store.directory = options.data_directory;
  store.node_id = options.node_id;
  store.raft_address = options.raft_adv_addr;
  store.foreign_keys = options.foreign_keys;
  store.snapshots.entries_max = options.raft_snap == 0 ? 8192 : options.raft_snap;
  // An interval of zero switches this off, too.
  store.snapshots.wal_bytes_max =
      options.raft_snap_int == Options::Duration::zero() ? 0 : options.raft_snap_wal_size;
  store.snapshots.urgent_wal_bytes = 4 * options.raft_snap_wal_size;
  store.snapshots.interval = snapshot_interval(options);
  store.asked = {.heartbeat_timeout = options.raft_heartbeat_timeout,
                 .election_timeout = options.raft_election_timeout,
                 .commit_timeout = options.raft_commit_timeout,
                 .snapshot_interval = options.raft_snap_int,
                 .snapshot_threshold = options.raft_snap};
  store.maintenance = {options.auto_vacuum_int, options.auto_optimize_int};
  RETURN_IF_ERROR(set_timeouts(options, store.consensus));
  // So that those who are a little behind need no snapshot.
  store.consensus.retention.entries = store.snapshots.entries_max + store.snapshots.entries_max / 4;
  store.consensus.log_level = log_level_of(options.raft_log_level);
  store.shuts_down_on_removal = options.raft_remove_shutdown;
  return store;
}

Options::Duration election_timeout(const Options& options) {
  return effective(options.raft_election_timeout, 1s);
}

Result<std::optional<store::Store::Options::Recovery>> read_peers_file(
    FileSystem& files, const store::DatabaseFiles& paths) {
  const std::string path = paths.raft() + "/peers.json";
  const Result<FileSystem::Kind> kind = files.kind(path);
  if (!kind.ok()) return kind.error();
  std::optional<store::Store::Options::Recovery> recovery;
  if (*kind == FileSystem::Kind::kNothing) return recovery;
  log("store", "attempting node recovery using {}", path);
  const Result<Bytes> text = files.read_file(path);
  if (!text.ok()) return text.error().with_context("failed to read peers file");
  auto peers = cluster::parse_peers_file(*text);
  if (!peers.ok()) return peers.error().with_context("failed to read peers file");
  if (Status status = cluster::check_addresses(*peers); !status.ok()) {
    return status.with_context("failed to recover node");
  }
  recovery = {std::move(*peers), path, paths.raft() + "/peers.info"};
  return recovery;
}

}  // namespace rqlite::rqlited
