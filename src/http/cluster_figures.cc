#include "http/cluster_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "net/tls_context.h"

namespace rqlite::http {
namespace {

using cluster::Cluster;
using cluster::PassedOn;
using Peer = cluster::RaftTransport::PeerReport;

// In the order of cluster::PassedOn.
constexpr std::array<std::string_view, cluster::kPassedOnKinds> kKinds = {
    "execute", "query", "request", "backup", "load", "remove", "stepdown", "other"};

double of(std::uint64_t value) { return static_cast<double>(value); }

template <typename Time>
double seconds(Time time) {
  return std::chrono::duration<double>(time).count();
}

std::uint64_t sum_of(const cluster::Counters::ByKind& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

template <typename Of>
std::uint64_t sum_of(const std::vector<net::ClientReport>& connections, Of of) {
  return std::accumulate(
      connections.begin(), connections.end(), std::uint64_t{0},
      [of](std::uint64_t sum, const net::ClientReport& each) { return sum + each.*of; });
}

std::uint64_t tls_sessions(const Cluster& cluster) {
  const net::TlsContext* tls = cluster.options().port.tls;
  return tls == nullptr ? 0 : tls->report().sessions;
}

Counts cluster_counts(Cluster& cluster, const Cluster::Report& report) {
  const cluster::Counters& counters = cluster.counters();
  const auto asked = [&](PassedOn kind) {
    return counters.asked[static_cast<std::size_t>(kind)].load();
  };
  const auto retries = [&](PassedOn kind) {
    return counters.retries[static_cast<std::size_t>(kind)].load();
  };
  return {
      {"num_get_node_api_req", counters.meta_requests},
      {"num_get_node_api_resp", counters.meta_answers},
      {"num_get_node_api_req_local", counters.meta_local},
      {"num_get_node_api_req_retries", counters.meta_retries},
      {"num_execute_req", asked(PassedOn::kExecute)},
      {"num_query_req", asked(PassedOn::kQuery)},
      {"num_request_req", asked(PassedOn::kRequest)},
      {"num_backup_req", asked(PassedOn::kBackup)},
      {"num_load_req", asked(PassedOn::kLoad)},
      {"num_remove_node_req", asked(PassedOn::kRemoveNode)},
      {"num_stepdown_req", asked(PassedOn::kStepdown)},
      {"num_notify_req", counters.notifications},
      {"num_join_req", counters.join_requests},
      {"num_conn_rejected", report.port.turned_away},
      {"num_client_retries", sum_of(counters.retries) + counters.meta_retries},
      {"num_client_load_retries", retries(PassedOn::kLoad)},
      {"num_client_execute_retries", retries(PassedOn::kExecute)},
      {"num_client_query_retries", retries(PassedOn::kQuery)},
      {"num_client_request_retries", retries(PassedOn::kRequest)},
      {"num_client_read_timeouts",
       sum_of(report.connections, &net::ClientReport::receive_timeouts)},
      {"num_client_write_timeouts", sum_of(report.connections, &net::ClientReport::send_timeouts)},
      {"num_client_force_new_conn", sum_of(report.connections, &net::ClientReport::fresh)},
  };
}

Counts proxy_counts(const cluster::Counters& counters) {
  const auto passed_on = [&](PassedOn kind) {
    return counters.passed_on[static_cast<std::size_t>(kind)].load();
  };
  const auto failed = [&](PassedOn kind) {
    return counters.failed[static_cast<std::size_t>(kind)].load();
  };
  return {
      {"remote_executions", passed_on(PassedOn::kExecute)},
      {"remote_executions_failed", failed(PassedOn::kExecute)},
      {"remote_queries", passed_on(PassedOn::kQuery)},
      {"remote_queries_failed", failed(PassedOn::kQuery)},
      {"remote_requests", passed_on(PassedOn::kRequest)},
      {"remote_requests_failed", failed(PassedOn::kRequest)},
      {"remote_backups", passed_on(PassedOn::kBackup)},
      {"remote_loads", passed_on(PassedOn::kLoad)},
      {"remote_remove_node", passed_on(PassedOn::kRemoveNode)},
      {"remote_stepdowns", passed_on(PassedOn::kStepdown)},
  };
}

// As the value of a label.
std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') text += '\\';
    text += c;
  }
  return text;
}

// One metric with a sample for each peer that has one.
class PeerMetrics {
 public:
  PeerMetrics(MetricsText& text, const std::vector<Peer>& peers, const store::Membership& members)
      : text_(text) {
    for (const Peer& peer : peers) {
      const store::Membership::Entry* entry = members.find(peer.id);
      if (entry == nullptr) continue;
      peers_.emplace_back(&peer, "node=\"" + escaped(entry->member.node_id) + "\"");
    }
  }

  void counter(std::string_view name, std::string_view help, std::uint64_t Peer::* of_peer) {
    if (peers_.empty()) return;
    text_.counter(name, help);
    for (const auto& [peer, label] : peers_) text_.sample(of(peer->*of_peer), label);
  }
  using Value = std::function<std::optional<double>(const Peer&)>;
  void gauge(std::string_view name, std::string_view help, const Value& value) {
    bool begun = false;
    for (const auto& [peer, label] : peers_) {
      const std::optional<double> known = value(*peer);
      if (!known) continue;
      if (!std::exchange(begun, true)) text_.gauge(name, help);
      text_.sample(*known, label);
    }
  }

 private:
  MetricsText& text_;
  std::vector<std::pair<const Peer*, std::string>> peers_;
};

void add_transfers(MetricsText& text, const Cluster::Report& report) {
  const auto& [out, in] = std::pair(report.snapshots_out, report.snapshots_in);
  const std::string to = "direction=\"out\"";
  const std::string from = "direction=\"in\"";
  text.gauge("rqlite_snapshot_transfers_running", "Snapshots on their way between members.");
  text.sample(of(out.running), to);
  text.sample(in.running ? 1 : 0, from);
  text.counter("rqlite_snapshot_transfers_total",
               "Snapshots that went to members or came from one, by what became of them.");
  text.sample(of(out.arrived), to + ",result=\"done\"");
  text.sample(of(out.failed), to + ",result=\"failed\"");
  text.sample(of(in.arrived), from + ",result=\"done\"");
  text.sample(of(in.failed), from + ",result=\"failed\"");
  text.counter("rqlite_snapshot_transfer_bytes_total", "Bytes of such snapshots.");
  text.sample(of(out.bytes), to);
  text.sample(of(in.bytes), from);
}

void add_passed_on(MetricsText& text, const cluster::Counters& counters) {
  const auto for_each = [&](const cluster::Counters::ByKind& counts) {
    for (std::size_t i = 0; i < kKinds.size(); i++) {
      text.sample(of(counts[i]), fmt::format("kind=\"{}\"", kKinds[i]));
    }
  };
  text.counter("rqlite_forwarded_requests_total",
               "Requests of clients that this node passed on to the leader.");
  for_each(counters.passed_on);
  text.counter("rqlite_forwarded_failures_total",
               "Of these, those that the leader could not be asked or did not answer.");
  for_each(counters.failed);
  text.counter("rqlite_received_forwards_total",
               "Requests of clients that other nodes passed on to this one.");
  for_each(counters.asked);
}

}  // namespace

void add_cluster_status(JsonTree& tree, Cluster& cluster) {
  const Cluster::Options& options = cluster.options();
  JsonTree& mux = tree["mux"];
  mux["addr"] = JsonTree::text(cluster.address());
  mux["handlers"] = JsonTree::text("HTTP/1.1");  // and nothing else
  mux["timeout"] = JsonTree::text(format_duration(options.port.limits.idle_timeout));
  mux["tls"] = JsonTree::text(options.port.tls != nullptr ? "enabled" : "disabled");

  JsonTree& client = tree["http"]["cluster"];
  client["local_node_addr"] = JsonTree::text(options.raft_address);
  client["timeout"] = JsonTree::text(format_duration(cluster::Forwarder::Limits().timeout));
  for (const net::ClientReport& each : cluster.client().report()) {
    JsonTree& pool = client["conn_pool_stats"][each.address];
    pool["idle"] = JsonTree::number(each.idle);
    pool["max_open_connections"] = JsonTree::number(options.client.idle_connections_max);
    pool["open_connections"] = JsonTree::number(each.open);
  }

  JsonTree& store = tree["store"];
  store["reap_timeout"] = JsonTree::text(format_duration(options.members.reap_voters_after));
  store["reap_read_only_timeout"] =
      JsonTree::text(format_duration(options.members.reap_readers_after));
}

void add_cluster_counts(CounterMaps& maps, Cluster& cluster) {
  const Cluster::Report report = cluster.report();
  const cluster::Counters& counters = cluster.counters();
  put(maps["cluster"], cluster_counts(cluster, report));
  put(maps["proxy"], proxy_counts(counters));
  put(maps["mux"], {{"num_connections_handled", report.port.taken},
                    {"num_tls_cert_fetched", tls_sessions(cluster)},
                    {"num_unregistered_handlers", counters.unknown_routes}});
  put(maps["store"], {{"num_joins", counters.joins},
                      {"num_ignored_joins", counters.ignored_joins},
                      {"num_removed_before_joins", counters.removed_before_joins},
                      {"nodes_reaped_ok", counters.reaped},
                      {"nodes_reaped_failed", counters.failed_reaps},
                      {"failed_heartbeat_observed", counters.failed_heartbeats},
                      {"num_restores", report.snapshots_in.arrived},
                      {"num_restores_failed", report.snapshots_in.failed}});
}

void add_peer_metrics(MetricsText& text, const std::vector<Peer>& peers,
                      const store::Membership& members, raft::Index last, const Matches& matches) {
  PeerMetrics metrics(text, peers, members);
  metrics.gauge("rqlite_peer_connected", "1 if there is a stream to the member.",
                [](const Peer& peer) { return peer.connected ? 1 : 0; });
  metrics.gauge("rqlite_peer_lag_entries",
                "Entries of this leader's log that the member is not known to have in its own.",
                [&](const Peer& peer) -> std::optional<double> {
                  if (!matches) return std::nullopt;
                  for (const auto& [id, matched] : *matches) {
                    if (id == peer.id) return of(last.value() - std::min(last, matched).value());
                  }
                  return std::nullopt;
                });
  metrics.gauge("rqlite_peer_round_trip_seconds",
                "Time to the member and back, as the system has seen it of late.",
                [](const Peer& peer) -> std::optional<double> {
                  if (!peer.round_trip) return std::nullopt;
                  return seconds(*peer.round_trip);
                });
  metrics.gauge("rqlite_peer_last_contact_seconds",
                "Time since the last message of the member's consensus.",
                [](const Peer& peer) -> std::optional<double> {
                  if (peer.heard_at == TimePoint()) return std::nullopt;
                  return seconds(std::chrono::steady_clock::now() - peer.heard_at);
                });
  metrics.counter("rqlite_peer_sent_bytes_total", "Bytes of messages that went to the member.",
                  &Peer::sent_bytes);
  metrics.counter("rqlite_peer_sent_messages_total", "Messages that went to the member.",
                  &Peer::sent);
  metrics.counter("rqlite_peer_lost_messages_total", "Messages to the member that could not leave.",
                  &Peer::lost);
  metrics.counter("rqlite_peer_received_messages_total", "Messages that came from the member.",
                  &Peer::received);
  metrics.counter("rqlite_peer_connects_total", "Times that a stream to the member was begun.",
                  &Peer::connects);
}

void add_cluster_metrics(MetricsText& text, Cluster& cluster, store::Store* store,
                         const Matches& matches) {
  const Cluster::Report report = cluster.report();
  text.gauge("rqlite_peer_port_connections", "Open connections of other nodes.",
             of(report.port.connections));
  text.counter("rqlite_peer_port_turned_away_total",
               "Connections of other nodes that were closed because there were too many.",
               of(report.port.turned_away));
  text.counter("rqlite_raft_failed_heartbeats_total",
               "Messages that could not leave for a member while this node led.",
               of(cluster.counters().failed_heartbeats));
  add_passed_on(text, cluster.counters());
  if (store == nullptr) return;
  const raft::Index last = store->report().raft.last;
  add_transfers(text, report);
  add_peer_metrics(text, report.peers, store->membership(), last, matches);
}

}  // namespace rqlite::http
