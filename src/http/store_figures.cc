#include "http/store_figures.h"

#include <chrono>

namespace rqlite::http {
namespace {

// Begun ones count: 0 is what has not happened yet.
std::uint64_t milliseconds(std::chrono::nanoseconds time) {
  return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(time).count());
}
std::uint64_t microseconds(std::chrono::nanoseconds time) {
  return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::microseconds>(time).count());
}

Counts counts_of_store(const store::Store::Report& report, bool recovers) {
  const store::Snapshotter::Counters& snapshots = *report.snapshots;
  const std::chrono::nanoseconds took(snapshots.last_took_ns);
  Counts counts = {
      {"leader_changes_observed", report.cluster.leader_changes},
      // The main file is the snapshot, so that a start never has to build it.
      {"num_restores_start_skipped", report.resumed ? 1 : 0},
      {"num_verify_leader", report.reads.confirmations},
      {"num_verify_leader_failed", report.reads.failed_confirmations},
      {"verify_leader_duration", milliseconds(report.reads.last_confirmation)},
      {"fsm_apply_duration_us", microseconds(report.last_apply_took)},
      {"num_uncompressed_commands", report.proposed},
      {"num_recoveries", recovers ? 1 : 0},
      {"num_snapshots", report.snapshots_taken},
      {"num_snapshots_failed", report.snapshots_blocked},
      {"num_wal_snapshots", snapshots.taken_for_wal},
      {"num_wal_snapshots_failed", snapshots.blocked_for_wal},
      {"num_snapshots_full", snapshots.exchanged},
      {"num_snapshots_incremental", report.snapshots_taken},
      {"num_snapshot_persists", report.snapshots_taken},
      {"num_snapshot_persists_failed", report.snapshots_blocked},
      {"snapshot_create_duration", milliseconds(std::chrono::nanoseconds(snapshots.last_hold_ns))},
      {"snapshot_sync_duration", milliseconds(std::chrono::nanoseconds(snapshots.last_sync_ns))},
      {"snapshot_persist_duration", milliseconds(took)}};
  for (const store::MaintenanceTask task : store::kMaintenanceTasks) {
    const store::Maintenance::TaskReport& done = report.maintenance[task];
    const std::string name = std::string("auto_") + name_of(task);
    counts["num_" + name + "s"] = done.runs;
    counts["num_" + name + "s_failed"] = done.failures;
    counts[name + "_duration"] = milliseconds(done.last_duration);
  }
  return counts;
}

Counts counts_of_database(const store::Store::Report& report) {
  const store::Snapshotter::Counters& snapshots = *report.snapshots;
  const auto sum = [&](std::uint64_t store::DatabaseCounts::* count) {
    return report.wrote.*count + report.reads.ran.*count;
  };
  using Ran = store::DatabaseCounts;
  return {{"executions", sum(&Ran::executions)},
          {"execution_errors", sum(&Ran::execution_errors)},
          {"executions_force_queries", sum(&Ran::executions_with_rows)},
          {"queries", sum(&Ran::queries)},
          {"query_errors", sum(&Ran::query_errors)},
          {"requests", sum(&Ran::requests)},
          {"execute_transactions", sum(&Ran::execute_transactions)},
          {"query_transactions", sum(&Ran::query_transactions)},
          {"request_transactions", sum(&Ran::request_transactions)},
          {"checkpoints", snapshots.checkpoints},
          {"checkpoint_total", snapshots.checkpoints},
          {"checkpoint_partial", snapshots.partial_checkpoints},
          {"checkpoint_errors", snapshots.failed_checkpoints},
          {"checkpointed_moves", snapshots.moved_frames},
          {"open_duration_ms", milliseconds(report.opening_took)},
          {"checkpoint_duration_ms",
           milliseconds(std::chrono::nanoseconds(snapshots.last_checkpoint_ns))}};
}

}  // namespace

void add_store_counts(CounterMaps& maps, store::Store& store) {
  const store::Store::Report report = store.report();
  const store::Snapshotter::Counters& snapshots = *report.snapshots;
  put(maps["store"], counts_of_store(report, store.options().recovery.has_value()));
  put(maps["db"], counts_of_database(report));
  put(maps["snapshot"],
      {{"persist_size", snapshots.last_bytes},
       {"persist_duration_ms", milliseconds(std::chrono::nanoseconds(snapshots.last_took_ns))},
       {"sink_full_total", snapshots.exchanged},
       {"sink_incremental_total", report.snapshots_taken},
       {"sink_errors", snapshots.full_disks}});
  // The form that a write has in the log; none is compressed.
  put(maps["proto"], {{"num_requests", report.proposed},
                      {"num_uncompressed_requests", report.proposed},
                      {"num_uncompressed_bytes", report.proposed_bytes}});
}

}  // namespace rqlite::http
