#include "http/elsewhere.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace rqlite::http {
namespace {

using namespace std::chrono_literals;
using Limits = cluster::Forwarder::Limits;

constexpr auto kDefaultTimeout = 30s;
constexpr std::int64_t kAttemptsMax = 100;

// Where the leader serves clients it says itself.
void redirect(const net::Request& request, std::shared_ptr<net::Reply> reply,
              const store::Store::Leader& leader, cluster::Cluster& cluster,
              std::chrono::nanoseconds timeout) {
  cluster.ask_meta(leader.member.raft_address, timeout,
                   [target = cluster::target_of(request),
                    reply = std::move(reply)](const Result<cluster::NodeMeta>& meta) {
                     if (!meta.ok()) {
                       return reply->send(net::Response::text(500, "leader not found"));
                     }
                     net::Response response = net::Response::bare(301);
                     response.headers.emplace_back("Location", meta->api_url + target);
                     reply->send(std::move(response));
                   });
}

// The leader, if `request` is for it and it is another node.
std::optional<store::Store::Leader> other_leader(const net::Request& request, store::Store* store,
                                                 const cluster::Cluster* cluster) {
  if (store == nullptr || cluster == nullptr || request.passed_on) return std::nullopt;
  if (store->is_leader()) return std::nullopt;
  std::optional<store::Store::Leader> leader = store->leader();
  if (leader && leader->is_self) return std::nullopt;
  return leader;
}

Limits limits_of(const net::Parameters& parameters) {
  Limits limits;
  limits.timeout = parameters.duration("timeout", kDefaultTimeout);
  if (limits.timeout <= 0s) limits.timeout = kDefaultTimeout;
  limits.attempts =
      static_cast<int>(std::clamp<std::int64_t>(parameters.number("retries", 0), 1, kAttemptsMax));
  return limits;
}

// If another node is to answer, sends the client there when it asked for that, and else has
// `pass_on` do it.
template <typename PassOn>
bool goes_elsewhere(const net::Request& request, const std::shared_ptr<net::Reply>& reply,
                    store::Store* store, cluster::Cluster* cluster, PassOn pass_on) {
  const std::optional<store::Store::Leader> leader = other_leader(request, store, cluster);
  if (!leader) return false;
  Limits limits = limits_of(request.parameters);
  if (request.parameters.has("redirect")) {
    redirect(request, reply, *leader, *cluster, limits.timeout);
  } else {
    pass_on(*leader, std::move(limits));
  }
  return true;
}

}  // namespace

bool answered_elsewhere(const net::Request& request, const std::shared_ptr<net::Reply>& reply,
                        store::Store* store, cluster::Cluster* cluster, bool repeatable,
                        OnFailure on_failure, std::shared_ptr<net::BodySource> body) {
  return goes_elsewhere(
      request, reply, store, cluster, [&](const store::Store::Leader& leader, Limits limits) {
        limits.may_repeat = repeatable;
        limits.body = std::move(body);
        cluster->forward(leader, request, limits, reply,
                         [reply, on_failure = std::move(on_failure)](const Status& why) {
                           reply->send(on_failure(why));
                         });
      });
}

bool written_elsewhere(net::Request& request, const std::shared_ptr<net::Reply>& reply,
                       store::Store* store, cluster::Cluster* cluster,
                       cluster::WriteForwarder::Here here, OnFailure on_failure) {
  return goes_elsewhere(
      request, reply, store, cluster, [&](const store::Store::Leader&, Limits limits) {
        limits.may_repeat = true;
        cluster->forward_write(
            {std::move(request), reply, limits, std::move(here), std::move(on_failure)});
      });
}

bool votes(store::Store& store) {
  const store::Membership membership = store.membership();
  const store::Membership::Entry* self = membership.find(store.raft_id());
  return self != nullptr && self->votes;
}

}  // namespace rqlite::http
