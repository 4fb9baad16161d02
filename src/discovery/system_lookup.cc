#include "discovery/system_lookup.h"

#include "base/check.h"
#include "discovery/dns_lookup.h"
#include "discovery/srv_lookup.h"

namespace rqlite::discovery {
namespace {

constexpr const char* kContext = "error reading DNS configuration";

}  // namespace

Result<std::unique_ptr<SystemLookup>> SystemLookup::open(DiscoMode mode, BytesView config,
                                                         std::uint16_t raft_port,
                                                         const Environment& environment,
                                                         const Clock& clock) {
  CHECK(!has_key(mode));
  std::unique_ptr<SystemLookup> made(new SystemLookup(clock));
  if (mode == DiscoMode::kDns) {
    const Result<DnsConfig> parsed = DnsConfig::parse(config, raft_port);
    if (!parsed.ok()) return parsed.error().with_context(kContext);
    made->lookup_ = std::make_unique<DnsLookup>(*parsed, made->resolver_, environment, clock);
  } else {
    const Result<SrvConfig> parsed = SrvConfig::parse(config);
    if (!parsed.ok()) return parsed.error().with_context(kContext);
    made->lookup_ = std::make_unique<SrvLookup>(*parsed, made->resolver_, clock);
  }
  return made;
}

}  // namespace rqlite::discovery
