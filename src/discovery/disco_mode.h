#pragma once

#include <optional>
#include <string_view>

namespace rqlite::discovery {

// How nodes find each other.
enum class DiscoMode { kConsul, kEtcd, kDns, kDnsSrv };

// "consul-kv", "etcd-kv", "dns" or "dns-srv"; nothing if it is none of these.
std::optional<DiscoMode> disco_mode_of(std::string_view text);
std::string_view text_of(DiscoMode mode);

// Whether a key in a store says who leads. Otherwise names are looked up.
constexpr bool has_key(DiscoMode mode) {
  return mode == DiscoMode::kConsul || mode == DiscoMode::kEtcd;
}

}  // namespace rqlite::discovery
