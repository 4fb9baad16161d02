#include "rqlited/discovery.h"

#include <cstdint>
#include <string>
#include <utility>

#include "base/log.h"
#include "cluster/disco_config.h"
#include "cluster/peer_protocol.h"
#include "net/host_port.h"

namespace rqlite::rqlited {

Result<std::unique_ptr<Discovery>> Discovery::open(const Options& options, raft::RaftId id,
                                                   bool may_found, cluster::KvDiscovery::Node node,
                                                   const Clock& clock) {
  const cluster::DiscoMode mode = *options.disco();
  const cluster::Environment environment = cluster::process_environment();
  Result<Bytes> config =
      cluster::read_disco_config(options.disco_config, posix_file_system(), environment);
  if (!config.ok()) return config.error().with_context("cannot read the discovery configuration");
  std::unique_ptr<Discovery> made(new Discovery());
  log("rqlited", "discovery mode: {}", options.disco_mode);
  if (!cluster::has_key(mode)) {
    const Result<net::HostPort> raft = net::HostPort::parse(options.raft_addr);
    if (!raft.ok()) return raft.error();
    Result<std::unique_ptr<cluster::SystemLookup>> lookup =
        cluster::SystemLookup::open(mode, *config, raft->port, environment, clock);
    if (!lookup.ok()) return lookup.error();
    made->lookup_ = std::move(*lookup);
    return made;
  }
  cluster::KvDiscovery::Options store;
  store.mode = mode;
  store.key = options.disco_key;
  store.config = std::move(*config);
  store.self = {options.node_id,
                (options.http_cert.empty() ? "http://" : "https://") + options.http_adv_addr,
                options.raft_adv_addr, cluster::to_text(id), may_found && !options.raft_non_voter};
  Result<std::unique_ptr<cluster::KvDiscovery>> opened = cluster::KvDiscovery::open(
      std::move(store), std::move(node), environment, posix_file_system(), clock);
  if (!opened.ok()) return opened.error();
  made->store_ = std::move(*opened);
  return made;
}

}  // namespace rqlite::rqlited
