#include "http/status.h"

#include <algorithm>

#include "base/duration.h"
#include "http/json_text.h"
#include "http/json_tree.h"
#include "http/queue_state.h"
#include "sqlite/extensions.h"
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

JsonTree raft_status(const store::Store::Report& report) {
  JsonTree raft;
  raft["state"] = JsonTree::text(role_name(report.raft.role));
  raft["term"] = JsonTree::number(report.raft.term.value());
  raft["commit_index"] = JsonTree::number(report.raft.commit.value());
  raft["applied_index"] = JsonTree::number(report.applied.value());
  raft["last_log_index"] = JsonTree::number(report.raft.last.value());
  raft["last_log_term"] = JsonTree::number(report.raft.last_term.value());
  raft["last_snapshot_index"] = JsonTree::number(report.snapshot_index.value());
  raft["last_snapshot_term"] = JsonTree::number(report.snapshot_term.value());
  raft["num_peers"] = JsonTree::number(0);
  raft["voter"] = JsonTree::boolean(true);
  raft["fsm_pending"] = JsonTree::number(report.raft.commit.value() -
                                         std::min(report.raft.commit, report.applied).value());
  return raft;
}

JsonTree store_status(store::Store& store) {
  const store::Store::Report report = store.report();
  const store::Store::Options& options = store.options();
  const bool has_leader = report.raft.leader != raft::RaftId();
  JsonTree tree;
  tree["open"] = JsonTree::boolean(true);
  tree["ready"] = JsonTree::boolean(store.is_ready());
  tree["node_id"] = JsonTree::text(options.node_id);
  tree["addr"] = JsonTree::text(options.raft_address);
  tree["dir"] = JsonTree::text(options.directory);
  tree["leader"]["node_id"] = JsonTree::text(has_leader ? options.node_id : "");
  tree["leader"]["addr"] = JsonTree::text(has_leader ? options.raft_address : "");
  tree["fsm_index"] = JsonTree::number(report.applied.value());
  tree["heartbeat_timeout"] = JsonTree::text(format_duration(options.heartbeat_timeout));
  tree["snapshot_interval"] = JsonTree::text(format_duration(options.snapshots.interval));
  tree["snapshot_threshold"] = JsonTree::number(options.snapshots.entries_max);
  tree["db_conf"]["fk_constraints"] = JsonTree::boolean(options.foreign_keys);
  if (!options.extensions.empty()) tree["db_conf"]["extensions"] = list_of(options.extensions);
  tree["snapshots"]["taken"] = JsonTree::number(report.snapshots_taken);
  tree["snapshots"]["blocked_by_readers"] = JsonTree::number(report.snapshots_blocked);
  tree["snapshots"]["longest_write_pause"] =
      JsonTree::text(format_duration(report.longest_snapshot_hold));
  std::vector<JsonTree> nodes;
  for (const auto& [id, member] : report.members) {
    JsonTree& node = nodes.emplace_back();
    node["id"] = JsonTree::text(member.node_id);
    node["addr"] = JsonTree::text(member.raft_address);
    node["suffrage"] = JsonTree::text("voter");
  }
  tree["nodes"] = JsonTree::array(std::move(nodes));
  JsonTree& readers = tree["sqlite3"]["conn_pool_stats"]["ro"];
  readers["max_open_connections"] = JsonTree::number(options.read_connections_max);
  readers["open_connections"] = JsonTree::number(report.readers.open);
  readers["in_use"] = JsonTree::number(report.readers.in_use);
  readers["idle"] = JsonTree::number(report.readers.open - report.readers.in_use);
  tree["sqlite3"]["version"] = JsonTree::text(sqlite::library_version());
  tree["sqlite3"]["path"] = JsonTree::text(store.paths().main());
  tree["sqlite3"]["extensions"] = list_of(sqlite::names_of(options.extensions));
  tree["raft"] = raft_status(report);
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

Response status(const Request& request, store::Store* store, queue::WriteQueue* queue,
                const std::function<void(JsonTree&)>& process) {
  JsonTree tree;
  if (store == nullptr) {
    tree["store"]["open"] = JsonTree::boolean(false);
  } else {
    tree["store"] = store_status(*store);
    tree["http"]["queue"]["_default"] = queue_status(*queue);
    tree["extensions"]["dir"] = JsonTree::text(store->paths().extensions());
    tree["extensions"]["names"] = list_of(sqlite::names_of(store->options().extensions));
  }
  process(tree);
  const std::string_view key = request.parameters.text("key", "");
  Bytes json = tree.at(key).to_json();
  if (key.empty() && request.parameters.has("pretty")) json = indent_json(json);
  return Response::json(std::move(json));
}

}  // namespace rqlite::http
