#include "http/membership.h"

#include <algorithm>
#include <utility>

#include "http/node_id_body.h"

namespace rqlite::http {
namespace {

bool is_member(const store::Store::Report& report, const std::string& node_id) {
  return report.cluster.membership.find_node(node_id).has_value();
}

bool votes(const store::Store::Report& report, const std::string& node_id) {
  const store::Membership& members = report.cluster.membership;
  const std::optional<raft::RaftId> id = members.find_node(node_id);
  return id && members.find(*id)->votes;
}

bool leads(const store::Store::Report& report, const std::string& node_id) {
  const store::Membership::Entry* leader = report.cluster.membership.find(report.raft.leader);
  return leader != nullptr && leader->member.node_id == node_id;
}

// A body of another type is none.
bool is_json(std::string_view content_type) {
  constexpr std::string_view kJson = "application/json";
  return content_type == kJson ||
         (content_type.starts_with(kJson) &&
          (content_type[kJson.size()] == ';' || content_type[kJson.size()] == ' '));
}

// Whom the body names; empty: nobody in particular.
Result<std::string> successor_of(const net::Request& request) {
  if (!is_json(request.content_type) || request.body.empty()) return std::string();
  return read_successor(request.body);
}

net::Response done(const std::string& served_by, std::string_view content_type) {
  net::Response response = net::Response::bare(200, content_type);
  response.headers.emplace_back("X-Rqlite-Served-By", served_by);
  return response;
}

}  // namespace

std::optional<net::Response> bad_successor(const net::Request& request) {
  const Result<std::string> id = successor_of(request);
  if (id.ok()) return std::nullopt;
  return net::Response::text(400, id.error().text());
}

void step_down(const net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
               cluster::Cluster* cluster, const std::string& served_by, Counters& counters) {
  const Result<std::string> id = successor_of(request);
  if (!id.ok()) return reply->send(net::Response::text(400, id.error().text()));
  if (store == nullptr) return reply->send(net::Response::text(503, "stepdown: store not open"));
  const store::Store::Report report = store->report();
  if (!id->empty()) {
    if (leads(report, *id)) {
      return reply->send(
          net::Response::text(500, "stepdown: cannot step down to the current Leader"));
    }
    if (!is_member(report, *id)) {
      return reply->send(net::Response::text(500, "stepdown: node not found in cluster"));
    }
    if (!votes(report, *id)) {
      return reply->send(
          net::Response::text(500, "stepdown: cannot step down to a non-voting node"));
    }
  }
  const bool wait = request.parameters.has("wait");
  if (cluster != nullptr && report.cluster.membership.entries().size() > 1) {
    if (report.raft.leader == raft::RaftId()) return reply->send(leader_not_found(counters));
    cluster->members().hand_over(*id, [reply, wait, served_by](const Status& status) {
      if (!wait) return;
      if (status.ok()) return reply->send(done(served_by, net::kJsonType));
      reply->send(net::Response::text(500, "stepdown: " + status.text()));
    });
    if (!wait) reply->send(done(served_by, net::kJsonType));
    return;
  }
  // Whoever does not wait does not hear that there is nobody to hand over to: this node is alone.
  if (!wait) return reply->send(done(served_by, net::kJsonType));
  if (report.raft.leader == raft::RaftId()) return reply->send(leader_not_found(counters));
  reply->send(net::Response::text(500, "stepdown: cannot find peer"));
}

std::optional<net::Response> bad_removal(const net::Request& request) {
  if (read_node_to_remove(request.body).ok()) return std::nullopt;
  return net::Response::bare(400);
}

void remove_node(const net::Request& request, std::shared_ptr<net::Reply> reply,
                 store::Store* store, cluster::Cluster* cluster, const std::string& served_by,
                 OnRefused refused) {
  const Result<std::string> id = read_node_to_remove(request.body);
  if (!id.ok()) return reply->send(net::Response::bare(400));
  if (store == nullptr) return reply->send(net::Response::text(503, "store not open"));
  if (cluster == nullptr) {
    // The only one that there is.
    if (!is_member(store->report(), *id)) return reply->send(done(served_by, {}));
    return reply->send(net::Response::text(500, "need at least one voter in configuration: {[]}"));
  }
  cluster->members().remove(*id,
                            [reply, served_by, refused = std::move(refused)](const Status& status) {
                              if (status.ok()) return reply->send(done(served_by, {}));
                              refused(status);
                            });
}

}  // namespace rqlite::http
