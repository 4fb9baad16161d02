#include "http/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace rqlite::http {
namespace {

// In the order of queue::FlushReason.
constexpr std::array<std::string_view, queue::kFlushReasons> kReasons = {
    "reason=\"size\"", "reason=\"time\"", "reason=\"waiter\"", "reason=\"drain\""};

double of(std::uint64_t value) { return static_cast<double>(value); }

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

void add_queue(MetricsText& text, queue::WriteQueue& queue) {
  const queue::WriteQueue::Report report = queue.report();
  text.gauge("rqlite_queue_depth", "Accepted requests that wait to leave in a batch.",
             of(report.depth));
  text.gauge("rqlite_queue_bytes", "Encoded bytes of the requests that wait.", of(report.bytes));
  text.gauge("rqlite_queue_capacity", "Requests that may wait.", of(queue.limits().capacity));
  text.gauge("rqlite_queue_in_flight", "Requests in batches that are on their way.",
             of(report.in_flight));
  text.gauge("rqlite_queue_waiting_for_room", "Requests that wait for room in the queue.",
             of(report.waiting_for_room));
  text.gauge("rqlite_queue_oldest_age_seconds",
             "Age of the oldest request that waits or is on its way.", seconds(report.oldest_age));
  text.counter("rqlite_queue_requests_total", "Requests that were accepted.", of(report.requests));
  text.counter("rqlite_queue_batches_total", "Batches that were applied.", of(report.batches));
  text.counter("rqlite_queue_flushes_total", "Batches that left the queue, by what made them due.");
  for (std::size_t i = 0; i < kReasons.size(); i++) {
    text.sample(of(report.flushes[i]), kReasons[i]);
  }
  text.counter("rqlite_queue_resends_total", "Batches that were sent again.", of(report.resends));
  text.counter("rqlite_queue_refused_requests_total", "Requests that were refused, by reason.");
  text.sample(of(report.refused_full), "reason=\"full\"");
  text.sample(of(report.refused_large), "reason=\"too_large\"");
  text.sample(of(report.refused_stopping), "reason=\"stopping\"");
  text.counter("rqlite_queue_failed_requests_total",
               "Requests that were executed and of which something failed.",
               of(report.failed_requests));
  text.counter("rqlite_queue_replayed_requests_total",
               "Requests that were answered with the outcome of an earlier one of the same "
               "idempotency key.",
               of(report.replayed_requests));
  text.histogram("rqlite_queue_batch_requests", "Requests in a batch.", report.batch_requests);
  text.histogram("rqlite_queue_wait_seconds", "Time of a request in the queue.",
                 report.queue_seconds);
  text.histogram("rqlite_queue_commit_seconds",
                 "Time of a batch from leaving the queue until it was applied.",
                 report.commit_seconds);
}

void add_maintenance(MetricsText& text, const store::Maintenance::Report& report) {
  const auto for_each = [&](auto value_of) {
    for (const store::MaintenanceTask task : store::kMaintenanceTasks) {
      text.sample(value_of(report[task]), fmt::format("task=\"{}\"", name_of(task)));
    }
  };
  using TaskReport = store::Maintenance::TaskReport;
  text.counter("rqlite_maintenance_runs_total", "Maintenance that was done by itself, by task.");
  for_each([](const TaskReport& task) { return of(task.runs); });
  text.counter("rqlite_maintenance_failures_total", "Tries of maintenance that failed, by task.");
  for_each([](const TaskReport& task) { return of(task.failures); });
  text.gauge("rqlite_maintenance_last_seconds", "Time that the last try took, by task.");
  for_each([](const TaskReport& task) { return seconds(task.last_duration); });
}

void add_store(MetricsText& text, store::Store& store) {
  const store::Store::Report report = store.report();
  text.gauge("rqlite_store_ready", "1 if this node can serve.", store.is_ready() ? 1 : 0);
  text.gauge("rqlite_store_stalled",
             "1 while entries cannot be stored or applied here, as when the disk is full.",
             report.stalled ? 1 : 0);
  text.gauge("rqlite_raft_commit_stalled",
             "1 while this node leads and no majority stores what it sends.", report.stuck ? 1 : 0);
  text.gauge("rqlite_raft_leader", "1 if this node leads.",
             report.raft.role == raft::Role::kLeader ? 1 : 0);
  text.gauge("rqlite_raft_term", "Term of the consensus protocol.", of(report.raft.term.value()));
  text.counter("rqlite_raft_elections_total", "Elections in which this node stood.",
               of(report.cluster.elections));
  text.counter("rqlite_raft_leader_changes_total",
               "Times that another leader, or none, was known than before.",
               of(report.cluster.leader_changes));
  text.gauge("rqlite_raft_last_log_index", "Newest entry of the log.",
             of(report.raft.last.value()));
  text.gauge("rqlite_raft_commit_index", "Newest entry known to be stored for good.",
             of(report.raft.commit.value()));
  text.gauge("rqlite_raft_applied_index", "Newest entry that is in the database.",
             of(report.applied.value()));
  text.gauge("rqlite_snapshot_index", "Newest entry in the last snapshot.",
             of(report.snapshot_index.value()));
  text.counter("rqlite_snapshots_total", "Snapshots that were taken.", of(report.snapshots_taken));
  text.counter("rqlite_snapshots_blocked_total",
               "Tries to take a snapshot that a reader or a full disk was in the way of.",
               of(report.snapshots_blocked));
  text.gauge("rqlite_snapshot_longest_pause_seconds",
             "Longest time that writes have waited for a snapshot.",
             seconds(report.longest_snapshot_hold));
  add_maintenance(text, report.maintenance);
  text.gauge("rqlite_read_connections", "Open connections for reading.", of(report.readers.open));
  text.gauge("rqlite_read_connections_in_use", "Connections for reading that are in use.",
             of(report.readers.in_use));
}

}  // namespace

net::Response metrics(store::Store* store, queue::WriteQueue* queue, cluster::Cluster* cluster,
                      const Matches& matches, const std::function<void(MetricsText&)>& process) {
  MetricsText text;
  process(text);
  if (cluster != nullptr) add_cluster_metrics(text, *cluster, store, matches);
  if (store != nullptr) {
    add_store(text, *store);
    add_queue(text, *queue);
  }
  return {200, "text/plain; version=0.0.4; charset=utf-8", {}, std::move(text).take()};
}

}  // namespace rqlite::http
