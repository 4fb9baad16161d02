#include "http/status.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/disk_usage.h"
#include "base/duration.h"
#include "http/cluster_figures.h"
#include "http/dates.h"
#include "http/json_text.h"
#include "http/json_tree.h"
#include "http/queue_state.h"
#include "sqlite/extensions.h"
#include "sqlite/figures.h"
#include "sqlite/library.h"

namespace rqlite::http {
namespace {

std::string_view role_name(raft::Role role) {
  switch (role) {
    case raft::Role::kFollower:
      return "Follower";
    case raft::Role::kPreCandidate:
    case raft::Role::kCandidate:
      return "Candidate";
    case raft::Role::kLeader:
      return "Leader";
  }
  return "";
}

JsonTree list_of(const std::vector<std::string>& texts) {
  std::vector<JsonTree> list;
  for (const std::string& text : texts) list.push_back(JsonTree::text(text));
  return JsonTree::array(std::move(list));
}

// How long ago this node heard of the leader; 0 if it is one itself.
JsonTree last_contact(const store::Store::Report& report) {
  if (report.raft.role == raft::Role::kLeader) return JsonTree::number(0);
  if (!report.cluster.leader_heard_at) return JsonTree::text("never");
  return JsonTree::text(
      format_duration(std::chrono::steady_clock::now() - *report.cluster.leader_heard_at));
}

// Other voters; none, for one who is not.
std::size_t peers_of(const store::Membership& membership, raft::RaftId self) {
  const store::Membership::Entry* entry = membership.find(self);
  return entry == nullptr || !entry->votes ? 0 : membership.voters() - 1;
}

// Every member and its address, in the one line that people know.
std::string configuration(const store::Store::Report& report) {
  std::string text;
  for (const auto& [node_id, id] : report.cluster.membership.by_node_id()) {
    const store::Membership::Entry& entry = *report.cluster.membership.find(id);
    text += text.empty() ? "" : " ";
    text += std::string("{Suffrage:") + (entry.votes ? "Voter" : "Nonvoter") + " ID:" + node_id +
            " Address:" + entry.member.raft_address + "}";
  }
  return "[" + text + "]";
}

JsonTree raft_status(const store::Store::Report& report, raft::RaftId self) {
  JsonTree raft;
  raft["state"] = JsonTree::text(report.shut_down ? "Shutdown" : role_name(report.raft.role));
  raft["term"] = JsonTree::number(report.raft.term.value());
  raft["commit_index"] = JsonTree::number(report.raft.commit.value());
  raft["applied_index"] = JsonTree::number(report.applied.value());
  raft["last_log_index"] = JsonTree::number(report.raft.last.value());
  raft["last_log_term"] = JsonTree::number(report.raft.last_term.value());
  raft["last_snapshot_index"] = JsonTree::number(report.snapshot_index.value());
  raft["last_snapshot_term"] = JsonTree::number(report.snapshot_term.value());
  raft["last_contact"] = last_contact(report);
  raft["latest_configuration"] = JsonTree::text(configuration(report));
  raft["latest_configuration_index"] = JsonTree::number(report.cluster.members_index.value());
  // What clients know as these; between nodes something else is spoken.
  raft["protocol_version"] = JsonTree::number(3);
  raft["protocol_version_min"] = JsonTree::number(0);
  raft["protocol_version_max"] = JsonTree::number(3);
  raft["snapshot_version_min"] = JsonTree::number(0);
  raft["snapshot_version_max"] = JsonTree::number(1);
  raft["num_peers"] = JsonTree::number(peers_of(report.cluster.membership, self));
  const store::Membership::Entry* entry = report.cluster.membership.find(self);
  raft["voter"] = JsonTree::boolean(entry != nullptr && entry->votes);
  raft["fsm_pending"] = JsonTree::number(report.raft.commit.value() -
                                         std::min(report.raft.commit, report.applied).value());
  return raft;
}

std::string_view log_level_name(raft::LogLevel level) {
  switch (level) {
    case raft::LogLevel::kError:
      return "ERROR";
    case raft::LogLevel::kWarn:
      return "WARN";
    case raft::LogLevel::kInfo:
      return "INFO";
    case raft::LogLevel::kDebug:
      return "DEBUG";
  }
  return "";
}

// What the flags came to.
JsonTree raft_config(const store::Store::Options& options) {
  const store::Consensus::Options& consensus = options.consensus;
  const auto time = [](std::chrono::nanoseconds value) { return JsonTree::integer(value.count()); };
  JsonTree config;
  config["LocalID"] = JsonTree::text(options.node_id);
  config["HeartbeatTimeout"] = time(consensus.heartbeat_timeout);
  config["ElectionTimeout"] = time(consensus.election_timeout);
  config["CommitTimeout"] = time(consensus.commit_timeout);
  config["LeaderLeaseTimeout"] = time(consensus.lease_timeout);
  config["SnapshotInterval"] = time(options.snapshots.interval);
  config["SnapshotThreshold"] = JsonTree::number(options.snapshots.entries_max);
  config["LogLevel"] = JsonTree::text(log_level_name(consensus.log_level));
  // A start goes on with the database as the last snapshot left it.
  config["NoSnapshotRestoreOnStart"] = JsonTree::boolean(true);
  config["ShutdownOnRemove"] = JsonTree::boolean(options.shuts_down_on_removal);
  return config;
}

void add_size(JsonTree& tree, const std::string& name, std::uint64_t bytes) {
  tree[name] = JsonTree::number(bytes);
  tree[name + "_friendly"] = JsonTree::text(format_bytes(bytes));
}

// Who is who in the pool of readers; the one writer is always in use, by the thread that owns it.
JsonTree connections(std::size_t max, std::size_t open, std::size_t in_use) {
  JsonTree tree = JsonTree::record();
  tree["max_open_connections"] = JsonTree::number(max);
  tree["open_connections"] = JsonTree::number(open);
  tree["in_use"] = JsonTree::number(in_use);
  tree["idle"] = JsonTree::number(open - in_use);
  return tree;
}

JsonTree sqlite_status(store::Store& store, const store::Store::Report& report) {
  JsonTree tree;
  tree["version"] = JsonTree::text(sqlite::library_version());
  tree["compile_options"] = list_of(sqlite::compile_options());
  tree["extensions"] = list_of(sqlite::names_of(store.options().extensions));
  tree["path"] = JsonTree::text(store.paths().main());
  const std::uint64_t main_bytes = bytes_in(store.paths().main());
  tree["size"] = JsonTree::number(main_bytes);
  tree["wal_size"] = JsonTree::number(bytes_in(store.paths().wal()));
  // Writes are in the WAL until a snapshot moves them.
  const auto modified =
      std::max(modified_at(store.paths().main()), modified_at(store.paths().wal()));
  if (modified) tree["last_modified"] = JsonTree::text(date_of_time(*modified));
  for (const auto& [name, value] : report.writer_settings) {
    tree["pragmas"]["rw"][name] = JsonTree::text(value);
  }
  JsonTree& pool = tree["conn_pool_stats"];
  pool["ro"] =
      connections(store.options().read_connections_max, report.readers.open, report.readers.in_use);
  pool["rw"] = connections(1, 1, 1);
  // All readers busy: what they say comes another time.
  std::optional<store::ReaderPool::Reader> reader = store.try_reader();
  if (!reader) return tree;
  const sqlite::Figures figures = sqlite::read_figures(reader->connection());
  std::int64_t bytes = 1;
  for (const auto& [name, value] : figures.memory) {
    tree["mem_stats"][name] = JsonTree::integer(value);
    if (name == "page_count" || name == "page_size") bytes *= value;
  }
  add_size(tree, "db_size", static_cast<std::uint64_t>(bytes));
  for (const auto& [name, value] : figures.settings) {
    tree["pragmas"]["ro"][name] = JsonTree::text(value);
  }
  return tree;
}

JsonTree node_list(const store::Store::Report& report) {
  std::vector<JsonTree> nodes;
  for (const auto& [node_id, id] : report.cluster.membership.by_node_id()) {
    const store::Membership::Entry& entry = *report.cluster.membership.find(id);
    JsonTree& node = nodes.emplace_back(JsonTree::record());
    node["id"] = JsonTree::text(node_id);
    node["addr"] = JsonTree::text(entry.member.raft_address);
    node["suffrage"] = JsonTree::text(entry.votes ? "voter" : "nonvoter");
  }
  return JsonTree::array(std::move(nodes));
}

// "auto_vacuum", with when it comes again and when it came last.
void add_maintenance(JsonTree& tree, const store::Maintenance::Report& report) {
  for (const store::MaintenanceTask task : store::kMaintenanceTasks) {
    if (!report[task].is_on) continue;
    const std::string name = name_of(task);
    JsonTree& times = tree["auto_" + name];
    times["next_" + name + "_after"] = JsonTree::text(date_of_time(report[task].next));
    if (report[task].last) {
      times["last_" + name] = JsonTree::text(date_of_time(*report[task].last));
    }
  }
}

// "<term>-<index>-<when it was taken, in milliseconds since 1970>"
std::string snapshot_name(const store::Store::Report& report) {
  const auto taken =
      std::chrono::duration_cast<std::chrono::milliseconds>(report.snapshot_at.time_since_epoch());
  return report.snapshot_term.to_string() + "-" + report.snapshot_index.to_string() + "-" +
         std::to_string(taken.count());
}

JsonTree store_status(store::Store& store) {
  const store::Store::Report report = store.report();
  const store::Store::Options& options = store.options();
  // Whoever waits for a leader to appear here, as clients do, may rely on /readyz from then on.
  const bool is_ready = store.is_ready();
  const store::Membership::Entry* leader =
      is_ready ? report.cluster.membership.find(report.raft.leader) : nullptr;
  JsonTree tree;
  tree["open"] = JsonTree::boolean(true);
  tree["ready"] = JsonTree::boolean(is_ready);
  tree["node_id"] = JsonTree::text(options.node_id);
  tree["addr"] = JsonTree::text(options.raft_address);
  tree["dir"] = JsonTree::text(options.directory);
  add_size(tree, "dir_size", bytes_in(options.directory));
  tree["leader"]["node_id"] = JsonTree::text(leader != nullptr ? leader->member.node_id : "");
  tree["leader"]["addr"] = JsonTree::text(leader != nullptr ? leader->member.raft_address : "");
  tree["fsm_index"] = JsonTree::number(report.last_command.value());
  tree["fsm_term"] = JsonTree::number(report.applied_term.value());
  tree["db_applied_index"] = JsonTree::number(report.last_write.value());
  if (report.applied_at != WallTime()) {
    tree["fsm_update_time"] = JsonTree::text(date_of_time(report.applied_at));
  }
  if (report.appended_at != WallTime()) {
    tree["leader_appended_at_time"] = JsonTree::text(date_of_time(report.appended_at));
  }
  tree["strong_read_term"] = JsonTree::number(report.reads.strong_term.value());
  // raft.config has what is in force.
  const store::Store::Options::Asked& asked = options.asked;
  tree["heartbeat_timeout"] = JsonTree::text(format_duration(asked.heartbeat_timeout));
  tree["apply_timeout"] = JsonTree::text(format_duration(options.consensus.apply_timeout));
  tree["commit_timeout"] = JsonTree::text(format_duration(asked.commit_timeout));
  tree["election_timeout"] = JsonTree::text(format_duration(asked.election_timeout));
  tree["snapshot_interval"] = JsonTree::text(format_duration(asked.snapshot_interval));
  tree["snapshot_threshold"] = JsonTree::number(asked.snapshot_threshold);
  // Without other members a snapshot releases all of the log before it.
  const bool is_alone = report.cluster.membership.entries().size() <= 1;
  tree["trailing_logs"] = JsonTree::number(
      is_alone || asked.snapshot_threshold == 0 ? 0 : options.consensus.retention.entries);
  tree["db_conf"]["fk_constraints"] = JsonTree::boolean(options.foreign_keys);
  if (!options.extensions.empty()) tree["db_conf"]["extensions"] = list_of(options.extensions);
  tree["cdc"]["enabled"] = JsonTree::boolean(false);
  tree["cdc"]["registered"] = JsonTree::boolean(false);
  tree["snapshots"]["taken"] = JsonTree::number(report.snapshots_taken);
  tree["snapshots"]["blocked_by_readers"] = JsonTree::number(report.snapshots_blocked);
  tree["snapshots"]["longest_write_pause"] =
      JsonTree::text(format_duration(report.longest_snapshot_hold));
  // The main file is the snapshot.
  JsonTree& snapshot = tree["snapshot_store"];
  snapshot["dir"] = JsonTree::text(options.directory);
  snapshot["dir_size"] = JsonTree::number(bytes_in(store.paths().main()));
  snapshot["snapshots"] = JsonTree::array(report.snapshot_index == raft::Index()
                                              ? std::vector<JsonTree>()
                                              : std::vector{JsonTree::text(snapshot_name(report))});
  tree["nodes"] = node_list(report);
  tree["sqlite3"] = sqlite_status(store, report);
  add_maintenance(tree, report.maintenance);
  tree["raft"] = raft_status(report, store.raft_id());
  tree["raft"]["config"] = raft_config(options);
  add_size(tree["raft"], "log_size", bytes_in(store.paths().log()));
  return tree;
}

JsonTree queue_status(queue::WriteQueue& queue) {
  const queue::WriteQueue::Report report = queue.report();
  JsonTree tree = queue_figures(report, queue.limits());
  tree["max_size"] = JsonTree::number(queue.limits().capacity);
  tree["sequence_number"] = JsonTree::number(report.persisted);
  return tree;
}

}  // namespace

net::Response status(const net::Request& request, store::Store* store, queue::WriteQueue* queue,
                     cluster::Cluster* cluster, std::optional<WallTime> last_backup,
                     const std::function<void(JsonTree&)>& process) {
  JsonTree tree;
  if (store == nullptr) {
    tree["store"]["open"] = JsonTree::boolean(false);
  } else {
    tree["store"] = store_status(*store);
    if (cluster != nullptr) add_cluster_status(tree, *cluster);
    tree["http"]["queue"]["_default"] = queue_status(*queue);
    tree["extensions"]["dir"] = JsonTree::text(store->paths().extensions());
    tree["extensions"]["names"] = list_of(sqlite::names_of(store->options().extensions));
  }
  if (last_backup) tree["last_backup_time"] = JsonTree::text(date_of_time(*last_backup));
  process(tree);
  const std::string_view key = request.parameters.text("key", "");
  if (!key.empty()) return net::Response::json(tree.at(key).to_json(JsonTree::Records::kSorted));
  Bytes json = tree.to_json();
  if (request.parameters.has("pretty")) json = indent_json(json);
  return net::Response::json(std::move(json));
}

}  // namespace rqlite::http
