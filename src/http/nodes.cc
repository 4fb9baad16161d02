#include "http/nodes.h"

#include <chrono>
#include <map>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "http/json_text.h"
#include "http/json_tree.h"

namespace rqlite::http {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kDefaultTimeout = 30s;

// A member as clients see it. This node itself is the only one there is, and takes no more time to
// reach than its report did.
JsonTree describe(const store::Store::Report& report, raft::RaftId id, const NodeIdentity& self,
                  std::chrono::nanoseconds took, std::chrono::nanoseconds timeout) {
  const store::Membership::Entry& entry = *report.membership.find(id);
  const store::Member& member = entry.member;
  const bool reachable = took <= timeout;
  JsonTree node = JsonTree::record();
  node["id"] = JsonTree::text(member.node_id);
  if (reachable) node["api_addr"] = JsonTree::text(self.api_url);
  node["addr"] = JsonTree::text(member.raft_address);
  node["version"] = JsonTree::text(reachable ? self.version : "");
  node["voter"] = JsonTree::boolean(entry.votes);
  node["reachable"] = JsonTree::boolean(reachable);
  node["leader"] = JsonTree::boolean(reachable && id == report.raft.leader);
  if (!reachable) {
    node["error"] = JsonTree::text("timeout waiting for node to respond");
    return node;
  }
  node["time"] = JsonTree::real(std::chrono::duration<double>(took).count());
  node["time_s"] = JsonTree::text(format_duration(took));
  return node;
}

net::Response answer(const net::Request& request, const JsonTree& tree) {
  Bytes json = tree.to_json();
  return net::Response::json(request.parameters.has("pretty") ? indent_json(json)
                                                              : std::move(json));
}

}  // namespace

net::Response nodes(const net::Request& request, store::Store* store, const NodeIdentity& self) {
  if (store == nullptr) return net::Response::text(503, "store nodes: store not open");
  const std::chrono::nanoseconds timeout = request.parameters.duration("timeout", kDefaultTimeout);
  const Clock::time_point began = Clock::now();
  const store::Store::Report report = store->report();
  const std::chrono::nanoseconds took = Clock::now() - began;
  std::map<std::string, JsonTree> by_id;
  for (const auto& [node_id, id] : report.membership.by_node_id()) {
    by_id.emplace(node_id, describe(report, id, self, took, timeout));
  }
  JsonTree tree;
  if (request.parameters.text("ver", "") == "2") {
    std::vector<JsonTree> list;
    for (auto& [id, node] : by_id) list.push_back(std::move(node));
    tree["nodes"] = JsonTree::array(std::move(list));
  } else {
    for (auto& [id, node] : by_id) tree[id] = std::move(node);
  }
  return answer(request, tree);
}

net::Response leader(const net::Request& request, store::Store* store, const NodeIdentity& self) {
  const Clock::time_point began = Clock::now();
  if (store == nullptr) return net::Response::text(503, "leader not found");
  const store::Store::Report report = store->report();
  if (!report.membership.contains(report.raft.leader))
    return net::Response::text(503, "leader not found");
  return answer(request, describe(report, report.raft.leader, self, Clock::now() - began,
                                  request.parameters.duration("timeout", kDefaultTimeout)));
}

}  // namespace rqlite::http
