#include "http/nodes.h"

#include <chrono>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "base/mutex.h"
#include "http/json_text.h"
#include "http/json_tree.h"

namespace rqlite::http {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Nodes = std::map<std::string, JsonTree>;  // by node id

constexpr auto kDefaultTimeout = 30s;

// A member as clients see it: what the membership says, and what it says of itself, if it does.
JsonTree describe(const store::Membership::Entry& entry, bool leads,
                  const Result<cluster::NodeMeta>& meta, std::chrono::nanoseconds took) {
  JsonTree node = JsonTree::record();
  node["id"] = JsonTree::text(entry.member.node_id);
  if (meta.ok()) node["api_addr"] = JsonTree::text(meta->api_url);
  node["addr"] = JsonTree::text(entry.member.raft_address);
  node["version"] = JsonTree::text(meta.ok() ? meta->version : "");
  node["voter"] = JsonTree::boolean(entry.votes);
  node["reachable"] = JsonTree::boolean(meta.ok());
  node["leader"] = JsonTree::boolean(meta.ok() && leads);
  if (!meta.ok()) {
    node["error"] = JsonTree::text(meta.error().text());
    return node;
  }
  node["time"] = JsonTree::real(std::chrono::duration<double>(took).count());
  node["time_s"] = JsonTree::text(format_duration(took));
  return node;
}

// Asks all members at once, and goes on when each has answered or had its time.
class Roll : public std::enable_shared_from_this<Roll> {
 public:
  using Then = std::function<void(Nodes)>;
  Roll(store::Membership membership, raft::RaftId leader, Then then)
      : membership_(std::move(membership)),
        leader_(leader),
        then_(std::move(then)),
        left_(membership_.entries().size()) {}

  void call(store::Store& store, cluster::Cluster* cluster, const NodeIdentity& self,
            std::chrono::nanoseconds timeout) {
    if (membership_.entries().empty()) return then_({});
    for (const auto& member : membership_.entries()) {
      const raft::RaftId id = member.first;
      const store::Membership::Entry& entry = member.second;
      const Clock::time_point began = Clock::now();
      if (id == store.raft_id() || cluster == nullptr) {
        if (cluster != nullptr) cluster->counters().meta_local++;
        Result<cluster::NodeMeta> own = cluster::NodeMeta{self.api_url, self.version, {}};
        const auto took = Clock::now() - began;
        if (took > timeout) own = late();
        answered(id, own, took);
        continue;
      }
      cluster->ask_meta(
          entry.member.raft_address, timeout,
          [roll = shared_from_this(), id, began](const Result<cluster::NodeMeta>& meta) {
            const bool timed_out = !meta.ok() && meta.error().code() == Code::kDeadline;
            roll->answered(id, timed_out ? late() : meta, Clock::now() - began);
          });
    }
  }

 private:
  static Result<cluster::NodeMeta> late() {
    return Status(Code::kDeadline, "timeout waiting for node to respond");
  }

  void answered(raft::RaftId id, const Result<cluster::NodeMeta>& meta,
                std::chrono::nanoseconds took) {
    const store::Membership::Entry& entry = *membership_.find(id);
    JsonTree node = describe(entry, id == leader_, meta, took);
    Nodes nodes;
    {
      MutexLock lock(mutex_);
      nodes_[entry.member.node_id] = std::move(node);
      if (--left_ > 0) return;
      nodes = std::move(nodes_);
    }
    then_(std::move(nodes));
  }

  const store::Membership membership_;
  const raft::RaftId leader_;
  const Then then_;
  Mutex mutex_;
  std::size_t left_ GUARDED_BY(mutex_);
  Nodes nodes_ GUARDED_BY(mutex_);
};

net::Response answer(bool pretty, const JsonTree& tree) {
  Bytes json = tree.to_json();
  return net::Response::json(pretty ? indent_json(json) : std::move(json));
}

}  // namespace

void nodes(const net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
           cluster::Cluster* cluster, const NodeIdentity& self) {
  if (store == nullptr) {
    return reply->send(net::Response::text(503, "store nodes: store not open"));
  }
  const net::Parameters& parameters = request.parameters;
  const store::Store::Report report = store->report();
  const bool all = parameters.has("nonvoters");
  const store::Membership members =
      all ? report.cluster.membership : report.cluster.membership.voting();
  auto then = [reply = std::move(reply), pretty = parameters.has("pretty"),
               list = parameters.text("ver", "") == "2"](Nodes nodes) {
    JsonTree tree;
    if (list) {
      std::vector<JsonTree> in_order;
      for (auto& [id, node] : nodes) in_order.push_back(std::move(node));
      tree["nodes"] = JsonTree::array(std::move(in_order));
    } else {
      for (auto& [id, node] : nodes) tree[id] = std::move(node);
    }
    reply->send(answer(pretty, tree));
  };
  std::make_shared<Roll>(members, report.raft.leader, std::move(then))
      ->call(*store, cluster, self, parameters.duration("timeout", kDefaultTimeout));
}

void leader(const net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
            cluster::Cluster* cluster, const NodeIdentity& self) {
  const auto none = [&reply] { reply->send(net::Response::text(503, "leader not found")); };
  if (store == nullptr) return none();
  const store::Store::Report report = store->report();
  if (!report.cluster.membership.contains(report.raft.leader)) return none();
  const net::Parameters& parameters = request.parameters;
  auto then = [reply, pretty = parameters.has("pretty")](const Nodes& nodes) {
    reply->send(answer(pretty, nodes.begin()->second));
  };
  std::make_shared<Roll>(report.cluster.membership.only(report.raft.leader), report.raft.leader,
                         std::move(then))
      ->call(*store, cluster, self, parameters.duration("timeout", kDefaultTimeout));
}

}  // namespace rqlite::http
