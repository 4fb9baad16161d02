#include "rqlited/discovery.h"

#include <cstdint>
#include <string>
#include <utility>

#include "base/log.h"
#include "cluster/peer_protocol.h"
#include "discovery/disco_config.h"

namespace rqlite::rqlited {

Result<std::unique_ptr<Discovery>> Discovery::open(const Options& options, raft::RaftId id,
                                                   bool may_found,
                                                   discovery::KvDiscovery::Node node,
                                                   const Clock& clock) {
  const discovery::DiscoMode mode = *options.disco();
  const discovery::Environment environment = discovery::process_environment();
  Result<Bytes> config =
      discovery::read_disco_config(options.disco_config, posix_file_system(), environment);
  if (!config.ok()) return config.error().with_context("cannot read the discovery configuration");
  const auto unusable = [&](const Status& why) {
    const std::string more =
        discovery::no_such_file(options.disco_config, posix_file_system(), environment);
    return more.empty() ? why : Status(why.code(), why.text() + "; " + more);
  };
  std::unique_ptr<Discovery> made(new Discovery());
  log("rqlited", "discovery mode: {}", options.disco_mode);
  if (!discovery::has_key(mode)) {
    Result<std::unique_ptr<discovery::SystemLookup>> lookup =
        discovery::SystemLookup::open(mode, *config, options.raft_port(), environment, clock);
    if (!lookup.ok()) return unusable(lookup.error());
    made->lookup_ = std::move(*lookup);
    return made;
  }
  discovery::KvDiscovery::Options store;
  store.mode = mode;
  store.key = options.disco_key;
  store.config = std::move(*config);
  store.self = {options.node_id,
                (options.http_cert.empty() ? "http://" : "https://") + options.http_adv_addr,
                options.raft_adv_addr, cluster::to_text(id), may_found && !options.raft_non_voter};
  Result<std::unique_ptr<discovery::KvDiscovery>> opened = discovery::KvDiscovery::open(
      std::move(store), std::move(node), environment, posix_file_system(), clock);
  if (!opened.ok()) return unusable(opened.error());
  made->store_ = std::move(*opened);
  return made;
}

}  // namespace rqlite::rqlited
