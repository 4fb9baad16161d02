#include "cluster/join_check.h"

#include <cstddef>
#include <utility>

#include "cluster/fetch_all.h"
#include "cluster/peer_protocol.h"

namespace rqlite::cluster {
namespace {

constexpr std::size_t kBytesMax = 1 << 20;

}  // namespace

Status check_join_addresses(net::Client& client, std::vector<std::string>& addresses,
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
  std::vector<std::string> left;
  const std::vector<net::CallResult> nodes = ask_all(addresses, kIdentityPath);
  for (std::size_t i = 0; i < addresses.size(); i++) {
    const bool answered = nodes[i].response.ok();
    if (answered && nodes[i].response->status == 200) continue;
    if (answered) odd.push_back(addresses[i]);
    left.push_back(addresses[i]);
  }
  const std::vector<net::CallResult> apis = ask_all(odd, "/status");
  for (std::size_t i = 0; i < odd.size(); i++) {
    // A port that wants TLS says so to everybody.
    if (!apis[i].response.ok() || apis[i].response->status == 400) continue;
    return {Code::kInvalid,
            "join address " + odd[i] + " appears to be serving HTTP when it should be Raft"};
  }
  addresses = std::move(left);
  return {};
}

}  // namespace rqlite::cluster
