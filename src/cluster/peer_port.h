#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cluster/counters.h"
#include "cluster/peer_protocol.h"
#include "net/message.h"

namespace rqlite::cluster {

class Cluster;

// What other nodes ask of this one: finds what a request is for, refuses it if it comes from
// another cluster or is not for this node, and has it answered.
//
// Threads: those of the inter-node port.
class PeerPort final : public net::Handler {
 public:
  // `forwarded` answers requests of clients that another node passes on. Both must outlive it.
  PeerPort(Cluster& cluster, net::Handler& forwarded) : cluster_(cluster), forwarded_(forwarded) {}

  void handle(net::Request request, std::shared_ptr<net::Reply> reply) override;
  void admit(net::Request head, std::function<void(Admission)> then) override;

 private:
  struct Route;
  static const Route* find_route(const std::string& path);
  // Why a request that is not passed on need not be heard to its end, if there is a reason.
  std::optional<net::Response> refusal_of(const net::Request& head);
  // Of a client's request, by its path in the client API.
  void count_passed_on(const std::string& path);

  void identity(net::Request request, std::shared_ptr<net::Reply> reply);
  void join(net::Request request, std::shared_ptr<net::Reply> reply);
  void founding(net::Request request, std::shared_ptr<net::Reply> reply);
  void stream(net::Request request, std::shared_ptr<net::Reply> reply);
  void meta(net::Request request, std::shared_ptr<net::Reply> reply);
  void snapshot(net::Request request, std::shared_ptr<net::Reply> reply);
  void snapshot_part(net::Request request, std::shared_ptr<net::Reply> reply);
  void snapshot_done(net::Request request, std::shared_ptr<net::Reply> reply);
  void batch(net::Request request, std::shared_ptr<net::Reply> reply);
  void applied(net::Request request, std::shared_ptr<net::Reply> reply);

  Cluster& cluster_;
  net::Handler& forwarded_;
};

}  // namespace rqlite::cluster
