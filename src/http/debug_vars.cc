#include "http/debug_vars.h"

#include <numeric>
#include <optional>
#include <utility>

#include "http/cluster_figures.h"
#include "http/json_text.h"

namespace rqlite::http {
namespace {

using queue::AttemptFailure;
using queue::FlushReason;

// Parts that have nothing to count: there are such pages that look for them.
constexpr const char* kEmpty[] = {"cdc.service",   "cluster", "db",    "db.wal",   "downloader",
                                  "mux",           "proto",   "proxy", "snapshot", "snapshot.plan",
                                  "sql.processor", "uploader"};

// The queue's counters; all zero while there is none.
void add_queue(Counts& http, Counts& queue, queue::WriteQueue* write_queue) {
  std::optional<queue::WriteQueue::Report> report;
  if (write_queue != nullptr) report = write_queue->report();
  auto read = [&](auto from) -> std::uint64_t { return report ? from(*report) : 0; };
  auto failures = [&](AttemptFailure why) {
    return read([why](const auto& all) { return all.failures[static_cast<std::size_t>(why)]; });
  };
  auto flushes = [&](FlushReason why) {
    return read([why](const auto& all) { return all.flushes[static_cast<std::size_t>(why)]; });
  };
  const std::uint64_t sent = read([](const auto& all) { return all.statements_sent; });
  http["queued_executions_num_stmts_rx"] = sent;
  http["queued_executions_num_stmts_tx"] =
      read([](const auto& all) { return all.statements_applied; });
  http["queued_executions_ok"] = read([](const auto& all) { return all.batches; });
  http["queued_executions_failed"] = read([](const auto& all) {
    return std::accumulate(all.failures.begin(), all.failures.end(), std::uint64_t{0});
  });
  http["queued_executions_no_leader"] = failures(AttemptFailure::kNoLeader);
  http["queued_executions_not_leader"] = failures(AttemptFailure::kNotLeader);
  http["queued_executions_leadership_lost"] = failures(AttemptFailure::kLost);
  http["queued_executions_unknown_error"] = failures(AttemptFailure::kOther);
  queue["objects_rx"] = read([](const auto& all) { return all.statements_accepted; });
  queue["objects_tx"] = sent;
  queue["num_timeout"] = flushes(FlushReason::kTime);
  // What left because the node stops is all that is ever told to leave.
  queue["num_flush"] = flushes(FlushReason::kDrain);
}

Counts store_counts(store::Store* store) {
  if (store == nullptr) return {};
  const store::Store::Report report = store->report();
  Counts counts = {{"leader_changes_observed", report.cluster.leader_changes},
                   // The main file is the snapshot, so that a start never has to build it.
                   {"num_restores_start", 0},
                   {"num_restores_start_skipped", report.resumed ? 1 : 0},
                   {"num_verify_leader", report.reads.confirmations},
                   {"num_verify_leader_failed", report.reads.failed_confirmations},
                   {"num_recoveries", store->options().recovery ? 1 : 0},
                   {"num_snapshots", report.snapshots_taken},
                   {"num_snapshots_failed", report.snapshots_blocked}};
  for (const store::MaintenanceTask task : store::kMaintenanceTasks) {
    const store::Maintenance::TaskReport& done = report.maintenance[task];
    const std::string name = std::string("auto_") + name_of(task);
    counts["num_" + name + "s"] = done.runs;
    counts["num_" + name + "s_failed"] = done.failures;
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(done.last_duration);
    counts[name + "_duration"] = static_cast<std::uint64_t>(took.count());
  }
  return counts;
}

}  // namespace

Bytes to_text(const Counts& counts) {
  Bytes text = "{";
  for (const auto& [name, count] : counts) {
    if (text.size() > 1) text += ", ";
    append_json_string(text, name);
    text += ": " + std::to_string(count);
  }
  return text += '}';
}

net::Response debug_vars(const net::Request& request, const Counters& counters, store::Store* store,
                         queue::WriteQueue* queue, cluster::Cluster* cluster,
                         const ProcessVars& process) {
  DebugVars vars;
  for (const char* name : kEmpty) vars[name] = "{}";
  Counts http = counters.read();
  Counts of_queue;
  add_queue(http, of_queue, queue);
  process(vars);
  vars["http"] = to_text(http);
  vars["queue"] = to_text(of_queue);
  Counts of_store = store_counts(store);
  if (cluster != nullptr) {
    add_cluster_vars(vars, *cluster);
    add_membership_counts(of_store, *cluster);
  }
  vars["store"] = to_text(of_store);

  const std::string_view key = request.parameters.text("key", "");
  Bytes text = "{\n";
  for (const auto& [name, value] : vars) {
    if (!key.empty() && name != key) continue;
    if (text.size() > 2) text += ",\n";
    append_json_string(text, name);
    text.append(": ").append(value);
  }
  return net::Response::json(text += "\n}\n");
}

}  // namespace rqlite::http
