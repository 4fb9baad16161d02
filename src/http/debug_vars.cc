#include "http/debug_vars.h"

#include <numeric>
#include <optional>
#include <utility>

#include "http/cluster_figures.h"
#include "http/counter_maps.h"
#include "http/json_text.h"
#include "http/store_figures.h"

namespace rqlite::http {
namespace {

using queue::AttemptFailure;
using queue::FlushReason;

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

// {"a": 1, "b": 2}
Bytes to_text(const Counts& counts) {
  Bytes text = "{";
  for (const auto& [name, count] : counts) {
    if (text.size() > 1) text += ", ";
    append_json_string(text, name);
    text += ": " + std::to_string(count);
  }
  return text += '}';
}

}  // namespace

net::Response debug_vars(const net::Request& request, const Counters& counters, store::Store* store,
                         queue::WriteQueue* queue, cluster::Cluster* cluster,
                         const ProcessVars& process) {
  CounterMaps maps = counters_at_zero();
  put(maps["http"], counters.read());
  put(maps["store"], counters.read_store());
  add_queue(maps["http"], maps["queue"], queue);
  if (store != nullptr) add_store_counts(maps, *store);
  if (cluster != nullptr) add_cluster_counts(maps, *cluster);
  DebugVars vars;
  for (const auto& [name, counts] : maps) vars[name] = to_text(counts);
  process(vars);

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
