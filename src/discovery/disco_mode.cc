#include "discovery/disco_mode.h"

#include "base/check.h"

namespace rqlite::discovery {

std::optional<DiscoMode> disco_mode_of(std::string_view text) {
  for (const DiscoMode mode :
       {DiscoMode::kConsul, DiscoMode::kEtcd, DiscoMode::kDns, DiscoMode::kDnsSrv}) {
    if (text_of(mode) == text) return mode;
  }
  return std::nullopt;
}

std::string_view text_of(DiscoMode mode) {
  switch (mode) {
    case DiscoMode::kConsul:
      return "consul-kv";
    case DiscoMode::kEtcd:
      return "etcd-kv";
    case DiscoMode::kDns:
      return "dns";
    case DiscoMode::kDnsSrv:
      return "dns-srv";
  }
  CHECK(false);
}

}  // namespace rqlite::discovery
