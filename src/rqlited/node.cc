#include "rqlited/node.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/pause.h"
#include "cluster/leaver.h"
#include "http/disco_status.h"
#include "http/json_text.h"
#include "http/tls_status.h"
#include "rqlited/join_login.h"
#include "rqlited/network_status.h"
#include "rqlited/open_files.h"
#include "rqlited/process_status.h"
#include "rqlited/store_options.h"
#include "rqlited/version.h"
#include "sqlite/entry_vfs.h"
#include "sqlite/extension_folder.h"
#include "store/fresh_start.h"
#include "store/identity.h"

namespace rqlite::rqlited {
namespace {

using namespace std::chrono_literals;

// What a stop grants to requests that are being answered, and to the last snapshot.
constexpr auto kAnswerPatience = 10s;
constexpr auto kSnapshotPatience = 10s;
// And to requests after the queue could not be emptied: what they wait for may never come.
constexpr auto kLastAnswerPatience = 1s;

// What was written last is unknown: no destructor of ours can make it better.
[[noreturn]] void fail_hard(const Status& why) {
  log("rqlited", "this node cannot go on, so it stops: {}", why.text());
  std::_Exit(1);
}

std::size_t http_threads() {
  // Raft and apply want a core too; one HTTP thread serves more than both can store.
  return std::max(1u, std::thread::hardware_concurrency() / 2);
}

// Below the usual number of reads at the same time, whoever runs the node should know.
constexpr std::size_t kUsualReaders = 256;

void split(const std::string& address, std::string& host, std::string& port) {
  const std::size_t colon = address.rfind(':');
  host = address.substr(0, colon);
  port = address.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
}

void say_what_is_left(const queue::WriteQueue::Left& left) {
  const auto& [in_doubt, not_stored] = left;
  if (in_doubt.count() > 0) {
    log("rqlited",
        "of {} queued requests it is not known whether they are stored, numbers {} to {}: ask for "
        "them by number once there is a leader again",
        in_doubt.count(), in_doubt.first, in_doubt.last);
  }
  if (not_stored.count() > 0) {
    log("rqlited", "{} queued requests could not be stored, numbers {} to {}", not_stored.count(),
        not_stored.first, not_stored.last);
  }
}

}  // namespace

Node::~Node() {
  // Replies that wait there lead back to the server, which goes first.
  if (api_) api_->close();
  // What other nodes ask leads to the store.
  if (cluster_) cluster_->close();
  if (!server_) return;
  server_->stop(kLastAnswerPatience);
  server_->join();
}

Status Node::start(const std::function<bool()>& stop_is_wanted) {
  sqlite::use_utc_as_localtime();
  const std::size_t readers = options_.read_connections_max == 0
                                  ? SIZE_MAX
                                  : static_cast<std::size_t>(options_.read_connections_max);
  const OpenFiles shares = share_open_files(raise_open_files_limit(), readers);
  if (shares.readers < std::min(readers, kUsualReaders)) {
    log("rqlited",
        "this process may open so few files that only {} clients and {} reads at the same time "
        "are let in; raise its limit (ulimit -n, LimitNOFILE)",
        shares.clients, shares.readers);
  }
  Result<Profiles> profiles = Profiles::create(
      posix_file_system(), {options_.cpu_profile, options_.mem_profile, options_.trace_profile},
      clock_);
  if (!profiles.ok()) return profiles.error();
  profiles_.emplace(std::move(*profiles));
  RETURN_IF_ERROR(take_directory());
  Result<std::shared_ptr<const http::Credentials>> credentials = read_credentials();
  if (!credentials.ok()) return credentials.error().with_context("failed to get credential store");
  http::Api::Options api;
  api.credentials = std::move(*credentials);
  api.http_address = options_.http_adv_addr;
  api.raft_address = options_.raft_adv_addr;
  api.queue_requests_are_atomic = options_.queue_tx;
  auto process = std::make_shared<const ProcessStatus>(clock_);
  api.process_status = [this, process](http::JsonTree& tree) {
    process->add_to(tree);
    tree["network"] = network_status();
    tree["cluster"]["addr"] = http::JsonTree::text(options_.raft_adv_addr);
    tree["cluster"]["api_addr"] = http::JsonTree::text(options_.http_adv_addr);
    tree["cluster"]["https"] = http::JsonTree::text(tls_ ? "true" : "false");
    tree["http"]["bind_addr"] = http::JsonTree::text(server_->address());
    tree["http"]["auth"] = http::JsonTree::text(options_.auth.empty() ? "disabled" : "enabled");
    if (!options_.http_allow_origin.empty()) {
      tree["http"]["allow_origin"] = http::JsonTree::text(options_.http_allow_origin);
    }
    http::add_tls_status(tree["http"]["tls"], tls_.get());
    if (discovery_) tree["disco"] = http::disco_status(discovery_->report());
  };
  api.process_metrics = [this, process](http::MetricsText& text) {
    process->add_to(text);
    if (tls_) http::add_tls_metrics(text, "rqlite_http_", "clients", *tls_);
    if (node_tls_.accepting) {
      http::add_tls_metrics(text, "rqlite_node_", "other nodes", *node_tls_.accepting);
    }
    const net::Server::Report report = server_->report();
    text.gauge("rqlite_http_connections", "Open connections of clients.",
               static_cast<double>(report.connections));
    text.counter("rqlite_http_turned_away_total",
                 "Connections that were closed at once because there were too many.",
                 static_cast<double>(report.turned_away));
  };
  api.identity = {(options_.http_cert.empty() ? "http://" : "https://") + options_.http_adv_addr,
                  kVersion};
  api.process_vars = [process](http::DebugVars& vars) { process->add_to(vars); };
  api_ = std::make_unique<http::Api>(std::move(api), clock_);
  RETURN_IF_ERROR(open_cluster());
  say_what_is_there();
  RETURN_IF_ERROR(open_discovery().with_context("clustering failure"));

  if (const Status status = open_tls(); !status.ok()) {
    return status.with_context("failed to start HTTP server");
  }
  net::Server::Options http;
  http.tls = tls_.get();
  split(options_.http_addr, http.host, http.port);
  http.threads = http_threads();
  http.limits.connections_max = std::min(http.limits.connections_max, shares.clients);
  http.headers = fixed_headers();
  Result<std::unique_ptr<net::Server>> server = net::Server::listen(std::move(http), *api_);
  if (!server.ok()) return server.error().with_context("failed to start HTTP server");
  server_ = std::move(*server);
  server_->start();  // only now: /status asks the server for its address

  RETURN_IF_ERROR(open_store(shares.readers).with_context("failed to open store"));
  RETURN_IF_ERROR(get_into_cluster(stop_is_wanted).with_context("clustering failure"));
  forget_put_away();
  say_ready();
  has_started_ = true;
  return {};
}

Result<std::shared_ptr<const http::Credentials>> Node::read_credentials() const {
  if (options_.auth.empty()) return std::shared_ptr<const http::Credentials>();
  const Result<Bytes> text = posix_file_system().read_file(options_.auth);
  if (!text.ok()) return text.error();
  return http::Credentials::parse(*text);
}

void Node::reload() {
  if (options_.auth.empty()) return;
  Result<std::shared_ptr<const http::Credentials>> credentials = read_credentials();
  if (!credentials.ok()) {
    log("rqlited", "failed to reload credential store, the one in use stays: {}",
        credentials.error().text());
    return;
  }
  api_->replace_credentials(std::move(*credentials));
  log("rqlited", "reloaded credential store from {}", options_.auth);
}

std::vector<std::pair<std::string, std::string>> Node::fixed_headers() const {
  const bool auth = !options_.auth.empty();
  std::vector<std::pair<std::string, std::string>> headers = {
      {"X-Rqlite-Version", kVersion},
      {"Access-Control-Allow-Methods", "OPTIONS, GET, POST"},
      // A page elsewhere may name its writes, too.
      {"Access-Control-Allow-Headers",
       auth ? "Content-Type, Authorization, Idempotency-Key" : "Content-Type, Idempotency-Key"}};
  if (auth) {
    headers.emplace_back("Access-Control-Allow-Credentials", "true");
    headers.emplace_back("Www-Authenticate", "Basic realm=\"rqlite\"");
  }
  if (!options_.http_allow_origin.empty()) {
    headers.emplace_back("Access-Control-Allow-Origin", options_.http_allow_origin);
  }
  return headers;
}

Status Node::open_tls() {
  if (options_.http_cert.empty()) {
    // Users know that this starts. That it protects nothing they should know too.
    if (options_.http_verify_client || !options_.http_ca_cert.empty()) {
      log("http",
          "WARNING: clients are not verified and nothing is encrypted, because "
          "-http-cert and -http-key are not set");
    }
    return {};
  }
  net::TlsContext::Options tls;
  tls.certificate_file = options_.http_cert;
  tls.key_file = options_.http_key;
  tls.ca_file = options_.http_ca_cert;
  tls.verify_client = options_.http_verify_client;
  tls.common_name = options_.http_verify_common_name;
  tls.component = "http";
  tls.on_session = [this] { api_->counters().add(http::Counter::kTlsCertFetched); };
  Result<std::unique_ptr<net::TlsContext>> opened =
      net::TlsContext::open(std::move(tls), posix_file_system(), clock_);
  if (!opened.ok()) return opened.error();
  tls_ = std::move(*opened);
  log("http", "secure HTTPS server enabled with {}", http::describe(tls_->options()));
  return {};
}

Status Node::take_directory() {
  const store::DatabaseFiles paths(options_.data_directory);
  FileSystem& files = posix_file_system();
  if (const Status made = files.make_directories(paths.directory); !made.ok()) {
    return made.with_context("failed to create extension store");
  }
  // Before anything in it is touched: it may be another process's.
  Result<store::DirectoryLock> lock = store::DirectoryLock::take(paths.lock());
  if (!lock.ok()) return lock.error().with_context("failed to open store");
  lock_.emplace(std::move(*lock));
  RETURN_IF_ERROR(put_away_if_removed().with_context("failed to open store"));
  Result<sqlite::Extensions> extensions =
      sqlite::fill_extension_folder(files, options_.extensions(), paths.extensions());
  if (!extensions.ok()) return extensions.error();
  extensions_ = std::move(*extensions);
  return {};
}

Status Node::put_away_if_removed() {
  const store::DatabaseFiles paths(options_.data_directory);
  const Result<bool> removed = store::make_fresh_start(posix_file_system(), paths);
  if (!removed.ok()) return removed.error();
  if (*removed) {
    log("store", "what this node had before it was removed from its cluster is put away in {}",
        paths.put_away());
  }
  const Result<bool> waits = store::has_put_away(posix_file_system(), paths);
  if (!waits.ok()) return waits.error();
  waits_after_removal_ = *waits;
  return {};
}

void Node::forget_put_away() {
  if (!waits_after_removal_ || store_->waits()) return;
  const Status gone = store::forget_put_away(posix_file_system(), store_->paths());
  if (!gone.ok()) log("store", "what was put away could not be removed: {}", gone.text());
}

Status Node::open_cluster() {
  Result<NodeTls> node_tls = NodeTls::open(options_, posix_file_system(), clock_);
  if (!node_tls.ok()) return node_tls.error();
  node_tls_ = std::move(*node_tls);
  const store::DatabaseFiles paths(options_.data_directory);
  RETURN_IF_ERROR(posix_file_system().make_directories(paths.raft()));
  const Result<raft::RaftId> id = store::read_or_make_raft_id(posix_file_system(), paths);
  if (!id.ok()) return id.error().with_context("failed to open store");

  cluster::Cluster::Options cluster;
  cluster.raft_id = *id;
  cluster.node_id = options_.node_id;
  cluster.raft_address = options_.raft_adv_addr;
  cluster.api_url = api_->options().identity.api_url;
  cluster.version = kVersion;
  split(options_.raft_addr, cluster.port.host, cluster.port.port);
  cluster.port.tls = node_tls_.accepting.get();
  cluster.port.thread_name = "peer";
  cluster.port.limits.connections_max = 512;
  cluster.port.limits.idle_timeout = 30s;
  cluster.client.tls = node_tls_.dialing.get();
  cluster.packs_snapshots = options_.compress_snap_transport;
  cluster.client.connect_timeout = options_.cluster_connect_timeout;
  cluster.members.connect_timeout =
      std::min<Options::Duration>(2s, options_.cluster_connect_timeout);
  cluster.members.transfer_timeout = election_timeout(options_);
  cluster.members.reap_voters_after = options_.raft_reap_node_timeout;
  cluster.members.reap_readers_after = options_.raft_reap_read_only_node_timeout;
  cluster.members.missed_after = std::max<Options::Duration>(5s, election_timeout(options_));
  cluster.may = [this](const net::Request& request, cluster::Cluster::Permission what,
                       std::function<void(bool)> then) {
    const auto needed = what == cluster::Cluster::Permission::kJoin
                            ? http::Permission::kJoin
                            : http::Permission::kJoinReadOnly;
    api_->may(request, {needed}, std::move(then));
  };
  Result<std::unique_ptr<cluster::Cluster>> listening =
      cluster::Cluster::listen(std::move(cluster), *api_, clock_);
  if (!listening.ok()) {
    return listening.error().with_context("failed to listen on " + options_.raft_addr);
  }
  cluster_ = std::move(*listening);
  api_->show(*cluster_);
  cluster::Founder::Options founding;
  founding.identity = {*id, options_.node_id};
  founding.raft_address = options_.raft_adv_addr;
  founding.wants_vote = !options_.raft_non_voter;
  // Who was removed waits for those who are left.
  if (!waits_after_removal_) {
    founding.expect = static_cast<std::uint64_t>(options_.bootstrap_expect);
  }
  return cluster_->read_vote(std::move(founding), posix_file_system(), paths.founding())
      .with_context("failed to open store");
}

void Node::say_what_is_there() {
  const Result<bool> exists =
      posix_file_system().exists(store::DatabaseFiles(options_.data_directory).snapshot());
  is_new_ = !exists.ok() || !*exists;
  if (is_new_) {
    log("rqlited", "no preexisting node state detected in {}, node may be bootstrapping",
        options_.data_directory);
  } else {
    log("rqlited", "preexisting node state detected in {}", options_.data_directory);
  }
}

Status Node::open_discovery() {
  if (options_.disco_mode.empty()) return {};
  discovery::KvDiscovery::Node node;
  node.join = [this](const std::string& address) { return clustering_->join_through(address); };
  node.found = [this] { return clustering_->found_alone(); };
  node.leads = [this] { return store_->is_leader(); };
  Result<std::unique_ptr<Discovery>> opened = Discovery::open(
      options_, cluster_->options().raft_id, !waits_after_removal_, std::move(node), clock_);
  if (!opened.ok()) return opened.error();
  discovery_ = std::move(*opened);
  return {};
}

Status Node::get_into_cluster(const std::function<bool()>& stop_is_wanted) {
  Clustering clustering({options_, *cluster_, *store_, discovery_.get(), clock_, stop_is_wanted});
  clustering_ = &clustering;
  Status status = clustering.run();
  clustering_ = nullptr;
  if (clustering.was_removed()) {
    RETURN_IF_ERROR(store::decide_fresh_start(posix_file_system(), store_->paths()));
    was_removed_ = true;
  }
  return status;
}

Status Node::open_store(std::size_t readers) {
  Result<store::Store::Options> store = store_options(options_);
  if (!store.ok()) return store.error();
  store->extensions = extensions_;
  store->read_connections_max = readers;
  store->on_failure = [](const Status& why) { fail_hard(why); };
  // Whoever is bound to others must not be a cluster of its own.
  store->founds = options_.is_alone() && !waits_after_removal_ && !cluster_->founder().is_bound();
  if (store->founds && is_new_) log("rqlited", "bootstrapping single new node");
  store->transport = &cluster_->transport();
  store->on_status = [this, led = false](const raft::Core::Status& status) mutable {
    cluster_->on_status();
    const bool leads = status.role == raft::Role::kLeader;
    if (std::exchange(led, leads) != leads && discovery_) discovery_->on_leadership_change();
  };
  store->on_members = [this](const std::string& cluster_id, const store::Membership& members) {
    cluster_->on_members(cluster_id, members);
  };
  auto recovery =
      read_peers_file(posix_file_system(), store::DatabaseFiles(options_.data_directory));
  if (!recovery.ok()) return recovery.error();
  store->recovery = std::move(*recovery);
  Result<std::unique_ptr<store::Store>> opened =
      store::Store::open(std::move(*store), posix_file_system(), clock_, std::move(lock_));
  if (!opened.ok()) return opened.error();
  store_ = std::move(*opened);
  if (const auto& done = store_->options().recovery) {
    log("store", "node recovered successfully using {}", done->file);
  }
  if (!extensions_.empty()) {
    log("db", "loaded extensions: {}", fmt::join(sqlite::names_of(extensions_), ", "));
  }
  Result<queue::SequenceNumbers> numbers = queue::SequenceNumbers::open(
      posix_file_system(), store_->paths().directory + "/queue-numbers", clock_);
  if (!numbers.ok()) return numbers.error();
  cluster_->open(*store_, numbers->first());
  open_queue(std::move(*numbers));
  api_->open(*store_, *queue_, cluster_.get());
  return {};
}

void Node::open_queue(queue::SequenceNumbers numbers) {
  queue::WriteQueue::Limits limits;
  limits.waiting.capacity = static_cast<std::size_t>(options_.queue_capacity);
  limits.waiting.batch_size = static_cast<std::size_t>(options_.queue_batch_size);
  limits.waiting.bytes_max = static_cast<std::size_t>(options_.queue_bytes_max);
  limits.waiting.timeout = options_.queue_timeout;
  queue_ = std::make_unique<queue::WriteQueue>(limits, std::move(numbers),
                                               cluster_->stream_target(), clock_);
}

void Node::say_ready() const {
  std::string host;
  std::string port;
  split(options_.http_adv_addr, host, port);
  const std::string& address = options_.http_adv_addr;
  log("rqlited", "node HTTP API available at {}://{}", tls_ ? "https" : "http", address);
  log("rqlited", "connect using the command-line tool via 'rqlite -H {} -p {}'", host, port);
  log("rqlited", "visit the rqlite console for this node at {}://{}/console/",
      tls_ ? "https" : "http", address);
}

bool Node::leave() {
  if (!store_->membership().contains(store_->raft_id())) {
    log("rqlited", "this node is no member of a cluster, so there is nothing to remove it from");
    return true;
  }
  log("rqlited", "initiating removal of this node from cluster before shutdown");
  Result<net::HeaderFields> login = join_login(options_);
  Status status = login.ok() ? Status() : login.error();
  if (status.ok()) {
    Pause sleeper(clock_);
    cluster::Leaver::Options leaving;
    leaving.login = std::move(*login);
    status = cluster::Leaver(*store_, *cluster_, clock_, sleeper, std::move(leaving)).leave();
  }
  if (!status.ok()) {
    // Whoever runs this node must see to it that its cluster does not wait for it.
    log("rqlited", "failed to remove this node from cluster before shutdown: {}", status.text());
    return false;
  }
  log("rqlited", "removed this node successfully from cluster before shutdown");
  return true;
}

void Node::hand_over() {
  if (!store_->is_leader() || store_->membership().voters() < 2) return;
  log("store", "stepping down as Leader before shutdown");
  auto done = std::make_shared<std::promise<void>>();
  cluster_->members().hand_over("", [done](const Status&) { done->set_value(); });
  (void)done->get_future().wait_for(election_timeout(options_));
}

bool Node::stop(bool leaves) {
  if (!queue_) return true;  // nothing was accepted
  // Clients are answered meanwhile; new requests for the queue are refused.
  const queue::WriteQueue::Left left = queue_->drain(options_.queue_drain_timeout);
  say_what_is_left(left);
  const bool all_stored = left.nothing();
  api_->close();
  server_->stop(all_stored ? kAnswerPatience : kLastAnswerPatience);
  api_->finish_uploads();  // what is still written leads back to the server
  profiles_->write([this] { return api_->metrics_text(); });
  if (leaves && options_.raft_cluster_remove_shutdown && !leave() && has_started_) std::_Exit(1);
  if (options_.raft_shutdown_stepdown) hand_over();
  if (discovery_) discovery_->stop();
  cluster_->close();
  store_->close(kSnapshotPatience);
  server_->join();  // its threads use the store
  cluster_->join();
  discovery_.reset();  // its thread uses the store
  queue_.reset();
  cluster_.reset();
  store_.reset();
  server_.reset();
  return all_stored;
}

}  // namespace rqlite::rqlited
