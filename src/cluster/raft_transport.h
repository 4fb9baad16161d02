#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "cluster/link_trouble.h"
#include "net/client.h"
#include "net/frame_stream.h"
#include "raft/transport.h"
#include "store/membership.h"

namespace rqlite::cluster {

// Carries Raft's messages to other members, and takes theirs in: one stream in each direction
// between any two, which is made when there is something to send. What is to be sent meanwhile
// waits for it, a little of it: among it are a candidate's requests for votes, whose loss would
// cost the cluster another election. Any other message that cannot leave at once is lost, and Raft
// hears so.
//
// Threads: send() on the Raft thread; it writes to the socket itself, for each hand-over to another
// thread costs as much as the way to a peer. All else from any thread.
class RaftTransport final : public raft::Transport {
 public:
  // What comes and what becomes of messages; called on threads of the network, or on the Raft
  // thread from send(). Must not block.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_message(raft::RaftId from, Bytes message) = 0;
    // It announces a snapshot, which is to be fetched.
    virtual void on_snapshot(raft::RaftId from, Bytes message) = 0;
    // A message announces a snapshot to `to`, which has been sent, or not.
    virtual void on_snapshot_sent(raft::RaftId to, bool sent) = 0;
    virtual void on_unreachable(raft::RaftId to) = 0;
  };

  // `address` is where others find this node. All must outlive it.
  RaftTransport(raft::RaftId self, std::string address, net::Client& client, const Clock& clock,
                Listener& listener);
  ~RaftTransport() override;

  // Who takes part from now on, in the cluster with that id.
  void set_members(const std::string& cluster_id, const store::Membership& membership)
      EXCLUDES(mutex_);
  // Another member says where it is, and of which cluster: this node may not have heard of it, or
  // of any cluster, but has to answer. It is not believed before the membership, but for the only
  // voter: when that one has moved, the others hear of it from nobody else, and not at all unless
  // they answer.
  void learn(raft::RaftId id, const std::string& address, const std::string& cluster_id)
      EXCLUDES(mutex_);
  void send(raft::RaftId to, bool is_snapshot, BytesView message) override EXCLUDES(mutex_);
  // The stream of another member, whose frames begin with `received`. On the socket's thread.
  void accept(raft::RaftId from, std::unique_ptr<net::Socket> socket, BytesView received)
      EXCLUDES(mutex_);
  // Closes all streams, of which none comes about any more.
  void close() EXCLUDES(mutex_);

  // When the last message came from `peer`; TimePoint() if none has.
  [[nodiscard]] TimePoint heard_at(raft::RaftId peer) EXCLUDES(mutex_);

  // Of one member, for status.
  struct PeerReport {
    raft::RaftId id;
    std::string address;
    bool connected = false;  // to it
    std::uint64_t sent = 0;  // messages
    std::uint64_t sent_bytes = 0;
    std::uint64_t lost = 0;  // messages that could not leave
    std::uint64_t received = 0;
    std::uint64_t connects = 0;
    TimePoint heard_at{};  // when the last message came; TimePoint(): none has
    // Of its stream, as the system has seen it of late.
    std::optional<std::chrono::microseconds> round_trip = std::nullopt;
  };
  [[nodiscard]] std::vector<PeerReport> report() EXCLUDES(mutex_);

 private:
  // The way to one member.
  struct Link {
    std::string address;
    std::string known;  // as the members say; empty: it is none known here
    bool is_only_voter = false;
    std::shared_ptr<net::FrameStream> stream;  // null: there is none now
    bool dialing = false;
    std::uint64_t number = 0;  // of the stream, or of the try to make one
    TimePoint not_before{};
    std::vector<Bytes> waiting;  // while dialing
    std::size_t waiting_bytes = 0;
    LinkTrouble trouble{LinkTrouble::Options()};
    PeerReport counts;

    // Whether there was room for the message.
    bool wait(BytesView message);
  };
  // Whence another's messages come.
  struct Source {
    std::shared_ptr<net::FrameStream> stream;
    std::uint64_t number = 0;
  };

  void dial(raft::RaftId to, Link& link) REQUIRES(mutex_);
  void on_dialed(raft::RaftId to, std::uint64_t number, net::UpgradeResult result) EXCLUDES(mutex_);
  void note_trouble(Link& link, const Status& why) REQUIRES(mutex_);
  void on_link_closed(raft::RaftId to, std::uint64_t number, const Status& why) EXCLUDES(mutex_);
  void on_frame(raft::RaftId from, Bytes frame) EXCLUDES(mutex_);

  const raft::RaftId self_;
  const std::string address_;  // of this node, for others
  net::Client& client_;
  const Clock& clock_;
  Listener& listener_;

  Mutex mutex_;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::string cluster_id_ GUARDED_BY(mutex_);
  std::uint64_t numbers_ GUARDED_BY(mutex_) = 0;
  std::map<raft::RaftId, Link> links_ GUARDED_BY(mutex_);
  std::map<raft::RaftId, Source> sources_ GUARDED_BY(mutex_);
  struct Heard {
    TimePoint at;
    std::uint64_t messages = 0;
  };
  std::map<raft::RaftId, Heard> heard_ GUARDED_BY(mutex_);
};

}  // namespace rqlite::cluster
