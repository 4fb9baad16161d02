#include "rqlited/clustering.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "base/random.h"
#include "base/thread.h"
#include "cluster/boot_loop.h"
#include "cluster/join_check.h"
#include "net/client.h"
#include "net/tls_dialer.h"
#include "rqlited/join_login.h"
#include "store/identity.h"

namespace rqlite::rqlited {
namespace {

using namespace std::chrono_literals;
using Joined = cluster::Joiner::Result::Outcome;

// For a look at an address that may be anybody's.
constexpr auto kProbeTimeout = 2s;

// So that one node that does not answer does not hold up the others for long.
constexpr Options::Duration kBootPatience = 2s;

constexpr auto kWatchEvery = 20ms;
constexpr auto kFoundedAfter = 10s;

// Calls `on_stop` when a stop is wanted, on a thread of its own.
class StopWatch {
 public:
  StopWatch(std::function<bool()> stop_is_wanted, std::function<void()> on_stop)
      : thread_("stop-watch",
                [this, stop_is_wanted = std::move(stop_is_wanted), on_stop = std::move(on_stop)] {
                  while (!over_) {
                    if (stop_is_wanted()) return on_stop();
                    std::this_thread::sleep_for(kWatchEvery);
                  }
                }) {}
  ~StopWatch() {
    over_ = true;
    thread_.join();
  }
  StopWatch(const StopWatch&) = delete;
  StopWatch& operator=(const StopWatch&) = delete;

 private:
  std::atomic<bool> over_{false};
  Thread thread_;
};

}  // namespace

Status Clustering::run() {
  StopWatch watch(parts_.stop_is_wanted, [this] {
    pause_.stop();
    if (parts_.discovery != nullptr) parts_.discovery->stop();
  });
  return run_now();
}

Status Clustering::run_now() {
  const Options& options = parts_.options;
  Result<net::HeaderFields> login = join_login(options);
  if (!login.ok()) return login.error();
  login_ = std::move(*login);
  if (parts_.discovery != nullptr && parts_.discovery->store() != nullptr) {
    return register_with_store();
  }
  if (parts_.discovery != nullptr) {
    return boot([this] { return parts_.discovery->lookup()->find(); });
  }
  if (!options.join_text.empty()) {
    RETURN_IF_ERROR(check_join_addresses());
    if (options.bootstrap_expect == 0) return join();
    return boot([this]() -> Result<std::vector<std::string>> { return parts_.options.join(); });
  }
  if (!parts_.store.waits()) return {};
  if (options.raft_non_voter) {
    return {Code::kInvalid,
            "cannot create a new non-voting node without joining it to an existing cluster"};
  }
  return {Code::kInvalid,
          "this node waits to join a cluster, and is not told where that is: see -join"};
}

Status Clustering::check_join_addresses() {
  const Options& options = parts_.options;
  std::vector<std::string> unknown = options.join();
  const auto check = [&](net::Client& client) {
    return cluster::check_join_addresses(client, unknown, kProbeTimeout, parts_.stop_is_wanted);
  };
  const auto check_by_tls = [&]() -> Status {
    // Whose certificate it is does not matter to a look.
    net::TlsDialer::Options dialing;
    dialing.certificate_file = options.node_cert;
    dialing.key_file = options.node_key;
    dialing.verify_server = false;
    const Result<std::unique_ptr<net::TlsDialer>> dialer =
        net::TlsDialer::open(std::move(dialing), posix_file_system(), parts_.clock);
    if (!dialer.ok()) return dialer.error();
    net::Client client({.connect_timeout = kProbeTimeout, .tls = dialer->get()});
    return check(client);
  };
  // First as nodes of this cluster speak, for most are.
  if (options.node_cert.empty()) {
    RETURN_IF_ERROR(check(parts_.cluster.client()));
    return unknown.empty() ? Status() : check_by_tls();
  }
  RETURN_IF_ERROR(check_by_tls());
  if (unknown.empty()) return {};
  net::Client client({.connect_timeout = kProbeTimeout});
  return check(client);
}

cluster::Joiner Clustering::joiner(cluster::Joiner::Options joining) {
  const Options& options = parts_.options;
  joining.attempts = static_cast<int>(options.join_attempts);
  joining.interval = options.join_interval;
  joining.login = login_;
  joining.is_named = !login_.empty();
  joining.stop_is_wanted = parts_.stop_is_wanted;
  joining.heard_of = [this](const std::string& id, bool lets_in) {
    parts_.cluster.expect_cluster(id, lets_in);
  };
  return cluster::Joiner(parts_.cluster.client(), pause_, std::move(joining), [this] {
    return cluster::JoinRequest{parts_.cluster.identity(), parts_.options.raft_adv_addr,
                                !parts_.options.raft_non_voter, parts_.store.cluster_id()};
  });
}

void Clustering::note(Joined outcome) {
  if (outcome == Joined::kJoined) parts_.store.joined();
  if (outcome == Joined::kRemoved) was_removed_ = true;
}

// Members that dial another address than this one's would not find it again.
bool Clustering::takes_part() {
  const store::Membership membership = parts_.store.membership();
  const store::Membership::Entry* self = membership.find(parts_.store.raft_id());
  return self != nullptr && self->member.node_id == parts_.options.node_id &&
         self->member.raft_address == parts_.options.raft_adv_addr && !parts_.store.is_joining() &&
         parts_.store.leader().has_value();
}

Status Clustering::join() {
  const store::Membership membership = parts_.store.membership();
  if (membership.entries().size() == 1 && membership.contains(parts_.store.raft_id())) {
    return {Code::kInvalid,
            "node is the only node in a single-node cluster, joining other clusters not supported"};
  }
  const bool is_new = parts_.store.is_joining();
  cluster::Joiner::Options joining;
  joining.takes_part = [this] { return takes_part(); };
  const cluster::Joiner::Result result = joiner(std::move(joining)).join(parts_.options.join());
  // It may be a member before it is told so, and then it stops as a member does.
  if (is_new && !parts_.store.is_joining()) return {};
  note(result.outcome);
  if (result.outcome == Joined::kJoined) return {};
  return Status(Code::kUnavailable, result.text).with_context("failed to join cluster");
}

Status Clustering::boot(std::function<Result<std::vector<std::string>>()> find_addresses) {
  const Options& options = parts_.options;
  cluster::BootLoop::Options booting;
  booting.timeout = options.bootstrap_expect_timeout;
  booting.wants_vote = !options.raft_non_voter;
  cluster::Joiner::Options joining;
  joining.patience = std::min(kBootPatience, options.cluster_connect_timeout);
  cluster::Joiner joins = joiner(std::move(joining));
  cluster::BootLoop::Means means{
      [this] { return parts_.store.leader().has_value() && !parts_.store.is_joining(); },
      std::move(find_addresses),
      [this, &joins](const std::vector<std::string>& addresses) {
        cluster::Joiner::Result result = joins.join_once(addresses);
        note(result.outcome);
        return result;
      },
      nullptr,
      pause_,
      parts_.clock};
  if (options.bootstrap_expect > 0) {
    means.found = [this](const std::vector<std::string>& addresses) {
      if (!parts_.store.waits()) return;
      (void)parts_.cluster.founder().round(addresses, {login_, parts_.stop_is_wanted});
    };
  }
  return cluster::BootLoop(booting, std::move(means), Random(random_from_system())).run();
}

Status Clustering::register_with_store() {
  discovery::KvDiscovery& store = *parts_.discovery->store();
  if (!parts_.store.waits()) {
    log("rqlited",
        "preexisting node configuration detected, not registering with discovery service");
    store.start_reporting();
    return {};
  }
  store.start_reporting();
  const Status registered = store.register_node();
  // Whoever is a member stops as one.
  if (!registered.ok() && !parts_.store.waits() && !was_removed_) return {};
  return registered;
}

Status Clustering::join_through(const std::string& address) {
  const cluster::Joiner::Result result = joiner({}).join({address});
  note(result.outcome);
  if (result.outcome == Joined::kJoined) return {};
  return {Code::kUnavailable, result.text};
}

Status Clustering::found_alone() {
  if (parts_.cluster.founder().is_bound()) {
    return {Code::kInvalid,
            "this node has promised to found a cluster with others: empty its data directory"};
  }
  log("rqlited", "bootstrapping single new node");
  const Options& options = parts_.options;
  parts_.store.found(
      store::make_cluster_id(),
      {{parts_.store.raft_id(), store::Member{options.node_id, options.raft_adv_addr}}}, true);
  const TimePoint deadline = later(parts_.clock.now(), kFoundedAfter);
  while (parts_.store.waits()) {
    if (parts_.clock.now() >= deadline) {
      return {Code::kFailed, "the cluster could not be founded: see the log"};
    }
    if (!pause_.sleep(kWatchEvery)) return {Code::kUnavailable, "discovery canceled"};
  }
  return {};
}

}  // namespace rqlite::rqlited
