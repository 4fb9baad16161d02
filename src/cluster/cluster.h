#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "cluster/counters.h"
#include "cluster/errands.h"
#include "cluster/forwarder.h"
#include "cluster/founder.h"
#include "cluster/leader_watch.h"
#include "cluster/members_service.h"
#include "cluster/own_store.h"
#include "cluster/peer_port.h"
#include "cluster/peer_protocol.h"
#include "cluster/raft_transport.h"
#include "cluster/snapshot_fetch.h"
#include "cluster/snapshot_source.h"
#include "cluster/stream_target.h"
#include "net/client.h"
#include "net/server.h"
#include "store/origin_numbers.h"
#include "store/store.h"

namespace rqlite::cluster {

// This node among others: the inter-node port, and all that goes through it.
//
// It listens before the store opens, which needs its transport, and refuses what takes a store
// until then. Threads: any, but for open(), close() and join().
class Cluster final : private RaftTransport::Listener, private Errands::Ways {
 public:
  // What a node that asks must be allowed to do, where there is a file that says who may.
  enum class Permission { kJoin, kJoinReadOnly };
  struct Options {
    raft::RaftId raft_id;
    std::string node_id;
    std::string raft_address;  // as others reach this node
    std::string api_url;
    std::string version;
    net::Server::Options port;
    net::Client::Options client;
    MembersService::Options members;
    bool packs_snapshots = false;  // on their way to and from this node
    // Whether the login in a request's headers may do that; on a thread of the port's. Null:
    // everybody may everything.
    std::function<void(const net::Request&, Permission, std::function<void(bool)>)> may;
  };

  // Binds the port. `forwarded` answers clients' requests that another node passes on; it and the
  // clock must outlive the cluster.
  static Result<std::unique_ptr<Cluster>> listen(Options options, net::Handler& forwarded,
                                                 const Clock& clock);
  ~Cluster() override;
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  [[nodiscard]] raft::Transport& transport() { return transport_; }
  // For the store's callback of that name.
  void on_members(const std::string& cluster_id, const store::Membership& membership) {
    transport_.set_members(cluster_id, membership);
    on_status();  // it may be only now that a leader is somebody
  }

  // For the store's callback of that name.
  void on_status();

  // Reads what this node has promised to others with whom it founds a cluster; kept at `path`.
  // Before open().
  Status read_vote(Founder::Options options, FileSystem& files, std::string path);
  // The store is there from now on, until close(). `epoch` of the writes that this node forwards is
  // greater than that of any start before.
  void open(store::Store& store, std::uint64_t epoch);
  // While this node is of no cluster: it has asked for one, and that is the id of whoever answered.
  // Nobody else may make it a member. The first one counts, and whoever `lets_in`.
  void expect_cluster(const std::string& id, bool lets_in) EXCLUDES(mutex_);
  // Takes in nothing more, and gives up what is under way. The store must still be there.
  void close();
  // Ends the port's threads. After close(), and when nothing leads back to them any more.
  void join();

  [[nodiscard]] net::Client& client() { return client_; }
  [[nodiscard]] Counters& counters() { return counters_; }
  [[nodiscard]] MembersService& members() { return *members_; }
  [[nodiscard]] Founder& founder() { return *founder_; }
  [[nodiscard]] StreamTarget& stream_target() { return *stream_target_; }
  [[nodiscard]] RaftTransport& raft_transport() { return transport_; }
  // For status.
  struct Report {
    net::Server::Report port;
    std::vector<net::ClientReport> connections;    // for calls to others, by address
    std::vector<RaftTransport::PeerReport> peers;  // without this node
    SnapshotSource::Report snapshots_out;
    SnapshotFetch::Report snapshots_in;
  };
  [[nodiscard]] Report report();
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] NodeIdentity identity() const {
    return {options_.raft_id, options_.node_id, process_};
  }
  [[nodiscard]] std::string address() const { return port_->address(); }

  // What every request to another member begins with: of which cluster it is, and who asks.
  net::HeaderFields headers();
  // What the node at `address` says of itself, or why it does not.
  using OnMeta = std::function<void(Result<NodeMeta>)>;
  void ask_meta(const std::string& address, std::chrono::nanoseconds timeout, OnMeta then);
  // Passes a client's request on to the leader, once.
  void forward(const store::Store::Leader& leader, const net::Request& request,
               Forwarder::Limits limits, std::shared_ptr<net::Reply> reply,
               Forwarder::OnFailure on_failure);
  // For what may be passed on as often as it takes, and to whoever leads meanwhile.
  [[nodiscard]] Errands& errands() { return *errands_; }

 private:
  friend class PeerPort;

  Cluster(Options options, net::Handler& forwarded, const Clock& clock);

  void on_message(raft::RaftId from, Bytes message) override;
  void on_snapshot(raft::RaftId from, Bytes message) override;
  void on_snapshot_sent(raft::RaftId to, bool sent) override;
  void on_unreachable(raft::RaftId to) override;

  std::optional<store::Store::Leader> leader() override;
  net::CallHandle send(const store::Store::Leader& to, const net::Request& request,
                       const std::optional<command::Origin>& origin, Forwarder::Limits limits,
                       std::shared_ptr<net::Reply> reply, Forwarder::OnFailure failed) override;
  bool later(std::chrono::nanoseconds delay, std::function<void()> work) override;

  // Whether a request is of this node's cluster, or of the one that it is to join.
  [[nodiscard]] Status check_cluster(const net::Request& request) EXCLUDES(mutex_);
  // A stream of another member begins, which says where it is and of which cluster.
  void note_contact(SnapshotFetch::Contact contact) EXCLUDES(mutex_);
  [[nodiscard]] NodeMeta meta();
  // On the thread of the members' service.
  void look_for_leader();

  const Options options_;
  const Clock& clock_;
  const std::uint64_t process_;
  Counters counters_;
  net::Client client_;
  net::Client stream_client_;  // which is not patient
  RaftTransport transport_;
  Forwarder forwarder_{client_, clock_};
  PeerPort handler_;
  std::unique_ptr<net::Server> port_;

  std::atomic<store::Store*> store_{nullptr};
  std::unique_ptr<OwnStore> own_;
  std::unique_ptr<SnapshotSource> source_;
  std::unique_ptr<SnapshotFetch> fetch_;
  LeaderWatch leader_watch_;  // of the members' service's thread
  std::unique_ptr<MembersService> members_;
  std::unique_ptr<Founder> founder_;
  std::unique_ptr<StreamTarget> stream_target_;
  std::unique_ptr<store::OriginNumbers> origin_numbers_;
  std::unique_ptr<Errands> errands_;

  Mutex mutex_;
  std::map<raft::RaftId, SnapshotFetch::Contact> contacts_ GUARDED_BY(mutex_);
  std::string expected_cluster_ GUARDED_BY(mutex_);
};

}  // namespace rqlite::cluster
