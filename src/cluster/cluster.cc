#include "cluster/cluster.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/random.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMetaBytesMax = 64 << 10;
constexpr auto kPatience = 1s;
constexpr auto kLeaderPatience = 10s;  // until it is told that there is none

// Whoever cannot be reached at once is tried again soon: a connection whose first packets were
// lost is made long after the network is well again.
net::Client::Options impatient(net::Client::Options options) {
  options.connect_timeout = std::min<std::chrono::nanoseconds>(options.connect_timeout, 1s);
  options.thread_name = "peer-streams";
  return options;
}

void answer_meta(const net::CallResult& result, const Cluster::OnMeta& then) {
  if (!result.response.ok()) return then(result.response.error());
  const net::ClientResponse& response = *result.response;
  if (response.status != 200) {
    return then(failure_of(response.status, response.headers, response.body));
  }
  std::optional<NodeMeta> meta = decode_node_meta(response.body);
  if (!meta) return then(Status(Code::kInvalid, "its answer cannot be read"));
  then(std::move(*meta));
}

}  // namespace

Result<std::unique_ptr<Cluster>> Cluster::listen(Options options, net::Handler& forwarded,
                                                 const Clock& clock) {
  std::unique_ptr<Cluster> made(new Cluster(std::move(options), forwarded, clock));
  Result<std::unique_ptr<net::Server>> port =
      net::Server::listen(made->options_.port, made->handler_);
  if (!port.ok()) return port.error();
  made->port_ = std::move(*port);
  made->port_->start();
  return made;
}

Cluster::Cluster(Options options, net::Handler& forwarded, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      process_(random_from_system()),
      client_(options_.client),
      stream_client_(impatient(options_.client)),
      transport_(options_.raft_id, options_.raft_address, stream_client_, clock, *this),
      handler_(*this, forwarded),
      leader_watch_(kLeaderPatience) {}

Cluster::~Cluster() {
  close();
  join();
}

void Cluster::on_status() {
  if (store_.load() == nullptr) return;
  // Elsewhere: the store is busy saying so.
  (void)client_.later(0s, [this] {
    errands_->leader_changed();
    stream_target_->leader_changed();
  });
}

Status Cluster::read_vote(Founder::Options options, FileSystem& files, std::string path) {
  Result<std::unique_ptr<Founder>> founder =
      Founder::open(std::move(options), files, std::move(path), client_);
  if (!founder.ok()) return founder.error();
  founder_ = std::move(*founder);
  return {};
}

void Cluster::open(store::Store& store, std::uint64_t epoch) {
  own_ = std::make_unique<OwnStore>(store);
  source_ = std::make_unique<SnapshotSource>(
      *own_, clock_, SnapshotSource::Options{.packs = options_.packs_snapshots});
  fetch_ = std::make_unique<SnapshotFetch>(
      *own_, client_, clock_, SnapshotFetch::Options{.packs = options_.packs_snapshots});
  stream_target_ = std::make_unique<StreamTarget>(*own_, client_);
  MembersService::Options members = options_.members;
  members.node_id = options_.node_id;
  members.raft_address = options_.raft_address;
  members.on_look = [this] {
    source_->expire();
    look_for_leader();
  };
  members_ =
      std::make_unique<MembersService>(*own_, client_, clock_, counters_, std::move(members),
                                       [this](raft::RaftId id) { return transport_.heard_at(id); });
  origin_numbers_ = std::make_unique<store::OriginNumbers>(store.raft_id(), epoch);
  Errands::Ways& ways = *this;
  errands_ =
      std::make_unique<Errands>(ways, *origin_numbers_, counters_, clock_, Errands::Options());
  founder_->start(store);
  store_ = &store;
  errands_->leader_changed();  // there may be one already
}

void Cluster::close() {
  // Streams first: the port must not wait for them.
  transport_.close();
  stream_client_.close();
  client_.close();
  if (fetch_) fetch_->close();
  if (founder_) founder_->stop();
  if (members_) members_->stop();
  if (source_) source_->close();
  if (port_) port_->stop(kPatience);
}

void Cluster::join() {
  if (port_) port_->join();
}

void Cluster::expect_cluster(const std::string& id, bool lets_in) {
  MutexLock lock(mutex_);
  if (lets_in || expected_cluster_.empty()) expected_cluster_ = id;
}

Status Cluster::check_cluster(const net::Request& request) {
  store::Store* store = store_;
  if (store == nullptr) return {Code::kUnavailable, "store not open"};
  const std::string own = store->cluster_id();
  const auto named = header_of(request, kClusterHeader);
  if (own.empty()) {
    const auto to = header_of(request, kToHeader);
    MutexLock lock(mutex_);
    if (to && raft_id_of(*to) == options_.raft_id && named && !expected_cluster_.empty() &&
        *named == expected_cluster_) {
      return {};
    }
    return {Code::kInvalid, "this node is of no cluster yet"};
  }
  if (named && *named == own) return {};
  return {Code::kInvalid,
          "this node is of another cluster, or was recovered from other data: after a recovery of "
          "one node by itself, others join it with empty data directories"};
}

void Cluster::note_contact(SnapshotFetch::Contact contact) {
  transport_.learn(contact.id, contact.address, contact.cluster_id);
  MutexLock lock(mutex_);
  contacts_[contact.id] = std::move(contact);
}

void Cluster::on_message(raft::RaftId from, Bytes message) {
  if (store::Store* store = store_) store->deliver(from, std::move(message));
}

void Cluster::on_snapshot(raft::RaftId from, Bytes message) {
  SnapshotFetch::Contact contact;
  {
    MutexLock lock(mutex_);
    const auto found = contacts_.find(from);
    if (found == contacts_.end()) return;
    contact = found->second;
  }
  if (store_.load() != nullptr) fetch_->begin(std::move(contact), std::move(message));
}

void Cluster::on_snapshot_sent(raft::RaftId to, bool sent) {
  if (store_.load() != nullptr) source_->announced(to, sent);
}

void Cluster::on_unreachable(raft::RaftId to) {
  store::Store* store = store_;
  if (store == nullptr) return;
  if (store->is_leader()) counters_.failed_heartbeats++;
  store->consensus().report_unreachable(to);
}

Cluster::Report Cluster::report() {
  Report report;
  report.port = port_->report();
  report.connections = client_.report();
  report.peers = transport_.report();
  if (store_.load() != nullptr) {
    report.snapshots_out = source_->report();
    report.snapshots_in = fetch_->report();
  }
  return report;
}

NodeMeta Cluster::meta() {
  NodeMeta meta{options_.api_url, options_.version, {}};
  if (store::Store* store = store_) meta.commit = store->report().raft.commit;
  return meta;
}

net::HeaderFields Cluster::headers() {
  net::HeaderFields fields = {{std::string(kFromHeader), to_text(options_.raft_id)}};
  if (store::Store* store = store_) {
    fields.emplace_back(kClusterHeader, store->cluster_id());
  }
  return fields;
}

void Cluster::ask_meta(const std::string& address, std::chrono::nanoseconds timeout, OnMeta then) {
  net::Call call{.address = address,
                 .target = std::string(kMetaPath),
                 .headers = headers(),
                 .timeout = timeout,
                 .connect_timeout = timeout};
  auto again = [this, call, then](const net::CallResult& result) mutable {
    if (!result.stale) return answer_meta(result, then);
    // The other node was started again since that connection was made.
    counters_.meta_retries++;
    call.fresh = true;
    client_.fetch(std::move(call), kMetaBytesMax,
                  [then](const net::CallResult& last) { answer_meta(last, then); });
  };
  client_.fetch(std::move(call), kMetaBytesMax, std::move(again));
}

void Cluster::forward(const store::Store::Leader& leader, const net::Request& request,
                      Forwarder::Limits limits, std::shared_ptr<net::Reply> reply,
                      Forwarder::OnFailure on_failure) {
  const auto kind = static_cast<std::size_t>(passed_on_kind(request.path));
  counters_.passed_on[kind]++;
  limits.on_again = [this, kind](const Status&) { counters_.retries[kind]++; };
  auto counted = [this, kind, on_failure = std::move(on_failure)](const Status& why) {
    counters_.failed[kind]++;
    on_failure(why);
  };
  (void)forwarder_.forward({leader.member.raft_address, headers()}, request, limits,
                           std::move(reply), std::move(counted));
}

void Cluster::look_for_leader() {
  store::Store* store = store_;
  if (store == nullptr) return;
  const store::Membership membership = store->membership();
  // Who is of no cluster yet looks for one, and tells what it finds. Who was removed knows why.
  const bool expects_one = membership.contains(options_.raft_id);
  if (!leader_watch_.look(!expects_one || store->leader().has_value(), clock_.now())) return;
  std::set<raft::RaftId> reached;
  for (const RaftTransport::PeerReport& peer : transport_.report()) {
    if (peer.connected) reached.insert(peer.id);
  }
  log("cluster", "{}",
      why_no_leader(kLeaderPatience, options_.raft_id, options_.raft_address, membership, reached));
}

std::optional<store::Store::Leader> Cluster::leader() { return store_.load()->leader(); }

net::CallHandle Cluster::send(const store::Store::Leader& to, const net::Request& request,
                              const std::optional<command::Origin>& origin,
                              Forwarder::Limits limits, std::shared_ptr<net::Reply> reply,
                              Forwarder::OnFailure failed) {
  net::HeaderFields fields = headers();
  if (origin) fields.emplace_back(kOriginHeader, to_text(*origin));
  return forwarder_.forward({to.member.raft_address, std::move(fields)}, request, limits,
                            std::move(reply), std::move(failed));
}

bool Cluster::later(std::chrono::nanoseconds delay, std::function<void()> work) {
  return client_.later(delay, std::move(work));
}

}  // namespace rqlite::cluster
