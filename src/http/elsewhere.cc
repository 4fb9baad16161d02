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

net::Response no_leader(Counters& counters) {
  counters.add(Counter::kLeaderNotFound);
  return net::Response::text(500, "leader not found");
}

// Where the leader serves clients it says itself.
void redirect(const net::Request& request, std::shared_ptr<net::Reply> reply,
              const store::Store::Leader& leader, cluster::Cluster& cluster,
              std::chrono::nanoseconds timeout, const Redirection& redirection) {
  cluster.ask_meta(leader.member.raft_address, timeout,
                   [target = cluster::target_of(request), reply = std::move(reply),
                    redirection](const Result<cluster::NodeMeta>& meta) {
                     if (!meta.ok()) return reply->send(no_leader(redirection.counters));
                     net::Response response = net::Response::bare(301, redirection.preset_type);
                     response.headers.emplace_back("Location", meta->api_url + target);
                     reply->send(std::move(response));
                   });
}

// Whether `request` is for the leader, and this node is none.
bool is_for_another(const net::Request& request, store::Store* store,
                    const cluster::Cluster* cluster) {
  if (store == nullptr || cluster == nullptr || request.passed_on) return false;
  return !store->is_leader();
}

Limits limits_of(const net::Parameters& parameters) {
  Limits limits;
  limits.timeout = parameters.duration("timeout", kDefaultTimeout);
  if (limits.timeout <= 0s) limits.timeout = kDefaultTimeout;
  limits.attempts =
      static_cast<int>(std::clamp<std::int64_t>(parameters.number("retries", 0), 1, kAttemptsMax));
  return limits;
}

// Sends the client to the leader, if it asked for that and this node is not about to lead itself.
bool is_redirected(const net::Request& request, const std::shared_ptr<net::Reply>& reply,
                   const std::optional<store::Store::Leader>& leader, cluster::Cluster& cluster,
                   const Redirection& redirection) {
  if (!request.parameters.has("redirect") || (leader && leader->is_self)) return false;
  if (leader) {
    redirect(request, reply, *leader, cluster, limits_of(request.parameters).timeout, redirection);
  } else {
    reply->send(no_leader(redirection.counters));
  }
  return true;
}

void run(cluster::Errands::Errand errand, net::Request& request,
         const std::shared_ptr<net::Reply>& reply, cluster::Cluster& cluster,
         cluster::Errands::Here here, OnFailure on_failure) {
  errand.request = std::move(request);
  errand.reply = reply;
  errand.here = std::move(here);
  errand.on_failure = std::move(on_failure);
  cluster.errands().run(std::move(errand));
}

// What only reads is `within` old at most when it is tried again.
bool runs_errand(net::Request& request, const std::shared_ptr<net::Reply>& reply,
                 store::Store* store, cluster::Cluster* cluster, const Redirection& redirection,
                 std::optional<std::chrono::nanoseconds> within, cluster::Errands::Here here,
                 OnFailure on_failure) {
  if (!is_for_another(request, store, cluster)) return false;
  if (is_redirected(request, reply, store->leader(), *cluster, redirection)) return true;
  if (request.parameters.has("redirect") || !cluster->errands().expects_leader()) return false;
  cluster::Errands::Errand errand;
  errand.limits = limits_of(request.parameters);
  errand.may_write = !within;
  if (within) errand.within = std::min(*within, errand.limits.timeout);
  run(std::move(errand), request, reply, *cluster, std::move(here), std::move(on_failure));
  return true;
}

}  // namespace

bool answered_elsewhere(const net::Request& request, const std::shared_ptr<net::Reply>& reply,
                        store::Store* store, cluster::Cluster* cluster,
                        const Redirection& redirection, OnFailure on_failure,
                        std::shared_ptr<net::BodySource> body) {
  if (!is_for_another(request, store, cluster)) return false;
  const std::optional<store::Store::Leader> leader = store->leader();
  if (is_redirected(request, reply, leader, *cluster, redirection)) return true;
  if (!leader || leader->is_self) return false;
  Limits limits = limits_of(request.parameters);
  limits.body = std::move(body);
  cluster->forward(*leader, request, limits, reply,
                   [reply, on_failure = std::move(on_failure)](const Status& why) {
                     reply->send(on_failure(why));
                   });
  return true;
}

bool written_elsewhere(net::Request& request, const std::shared_ptr<net::Reply>& reply,
                       store::Store* store, cluster::Cluster* cluster,
                       const Redirection& redirection, cluster::Errands::Here here,
                       OnFailure on_failure) {
  return runs_errand(request, reply, store, cluster, redirection, std::nullopt, std::move(here),
                     std::move(on_failure));
}

bool read_elsewhere(net::Request& request, const std::shared_ptr<net::Reply>& reply,
                    store::Store* store, cluster::Cluster* cluster, const Redirection& redirection,
                    std::chrono::nanoseconds within, cluster::Errands::Here here,
                    OnFailure on_failure) {
  return runs_errand(request, reply, store, cluster, redirection, within, std::move(here),
                     std::move(on_failure));
}

bool done_by_leader(net::Request& request, const std::shared_ptr<net::Reply>& reply,
                    store::Store* store, cluster::Cluster* cluster, const Redirection& redirection,
                    cluster::Errands::Here here, OnFailure on_failure) {
  if (store == nullptr || cluster == nullptr || request.passed_on) return false;
  const std::optional<store::Store::Leader> leader = store->leader();
  if (is_redirected(request, reply, leader, *cluster, redirection)) return true;
  if (!leader) return false;
  cluster::Errands::Errand errand;
  errand.limits = limits_of(request.parameters);
  errand.may_write = false;
  errand.may_repeat = false;
  errand.within = errand.limits.timeout;
  run(std::move(errand), request, reply, *cluster, std::move(here), std::move(on_failure));
  return true;
}

bool votes(store::Store& store) {
  const store::Membership membership = store.membership();
  const store::Membership::Entry* self = membership.find(store.raft_id());
  return self != nullptr && self->votes;
}

}  // namespace rqlite::http
