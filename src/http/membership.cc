#include "http/membership.h"

#include <algorithm>
#include <utility>

#include "http/node_id_body.h"

namespace rqlite::http {
namespace {

bool is_member(const store::Store::Report& report, const std::string& node_id) {
  return report.membership.find_node(node_id).has_value();
}

bool leads(const store::Store::Report& report, const std::string& node_id) {
  const store::Membership::Entry* leader = report.membership.find(report.raft.leader);
  return leader != nullptr && leader->member.node_id == node_id;
}

net::Response leader_not_found(Counters& counters) {
  counters.add(Counter::kLeaderNotFound);
  return net::Response::text(503, "leader not found");
}

// A body of another type is none.
bool is_json(std::string_view content_type) {
  constexpr std::string_view kJson = "application/json";
  return content_type == kJson ||
         (content_type.starts_with(kJson) &&
          (content_type[kJson.size()] == ';' || content_type[kJson.size()] == ' '));
}

net::Response done(const std::string& served_by, std::string_view content_type) {
  net::Response response = net::Response::bare(200, content_type);
  response.headers.emplace_back("X-Rqlite-Served-By", served_by);
  return response;
}

}  // namespace

net::Response step_down(const net::Request& request, store::Store* store,
                        const std::string& served_by, Counters& counters) {
  Result<std::string> id = std::string();
  if (is_json(request.content_type) && !request.body.empty()) id = read_successor(request.body);
  if (!id.ok()) return net::Response::text(400, id.error().text());
  if (store == nullptr) return net::Response::text(503, "stepdown: store not open");
  const store::Store::Report report = store->report();
  if (!id->empty()) {
    if (leads(report, *id)) {
      return net::Response::text(500, "stepdown: cannot step down to the current Leader");
    }
    if (!is_member(report, *id)) {
      return net::Response::text(500, "stepdown: node not found in cluster");
    }
  }
  // Whoever does not wait does not hear that there is nobody to hand over to: this node is alone.
  if (!request.parameters.has("wait")) return done(served_by, net::kJsonType);
  if (report.raft.leader == raft::RaftId()) return leader_not_found(counters);
  return net::Response::text(500, "stepdown: cannot find peer");
}

net::Response remove_node(const net::Request& request, store::Store* store,
                          const std::string& served_by, Counters& counters) {
  const Result<std::string> id = read_node_to_remove(request.body);
  if (!id.ok()) return net::Response::bare(400);
  if (store == nullptr) return net::Response::text(503, "store not open");
  const store::Store::Report report = store->report();
  if (report.raft.leader == raft::RaftId()) return leader_not_found(counters);
  if (!is_member(report, *id)) return done(served_by, {});
  // The only member that there is.
  return net::Response::text(500, "need at least one voter in configuration: {[]}");
}

}  // namespace rqlite::http
