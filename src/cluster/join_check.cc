#include "cluster/join_check.h"

#include <cstddef>
#include <utility>

#include "cluster/fetch_all.h"
#include "cluster/peer_protocol.h"

namespace rqlite::cluster {
namespace {

constexpr std::size_t kBytesMax = 1 << 20;

}  // namespace

Status check_join_addresses(net::Client& client, const std::vector<std::string>& addresses,
                            std::chrono::nanoseconds patience,
                            const std::function<bool()>& stop_is_wanted) {
  const auto ask_all = [&](const std::vector<std::string>& whom, std::string_view target) {
    std::vector<net::Call> calls;
    for (const std::string& address : whom) {
      calls.push_back({.address = address, .target = std::string(target), .timeout = patience});
    }
    return fetch_all(client, std::move(calls), kBytesMax, patience, stop_is_wanted);
  };
  std::vector<std::string> odd;  // they answer, but not as nodes do
  const std::vector<net::CallResult> nodes = ask_all(addresses, kIdentityPath);
  for (std::size_t i = 0; i < addresses.size(); i++) {
    if (nodes[i].response.ok() && nodes[i].response->status != 200) odd.push_back(addresses[i]);
  }
  const std::vector<net::CallResult> apis = ask_all(odd, "/status");
  for (std::size_t i = 0; i < odd.size(); i++) {
    // A port that wants TLS says so to everybody, and the joining will tell.
    if (!apis[i].response.ok() || apis[i].response->status == 400) continue;
    return {Code::kInvalid,
            "join address " + odd[i] + " appears to be serving HTTP when it should be Raft"};
  }
  return {};
}

}  // namespace rqlite::cluster
