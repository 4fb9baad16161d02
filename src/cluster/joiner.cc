#include "cluster/joiner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "base/duration.h"
#include "base/log.h"
#include "cluster/fetch_all.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using Outcome = Joiner::Result::Outcome;

constexpr int kRequestsMax = 10;   // to follow those who name the leader
constexpr auto kAskAgain = 100ms;  // of a leader that waits for this node to catch up
constexpr std::size_t kAnswerBytesMax = 64 << 10;

}  // namespace

bool Joiner::pause(Nanos time) {
  return !options_.stop_is_wanted() && sleeper_.sleep(time) && !options_.stop_is_wanted();
}

Joiner::Result Joiner::join(const std::vector<std::string>& addresses) {
  for (int round = 1;; round++) {
    Result result = join_once(addresses);
    if (result.outcome != Outcome::kFailed) return result;
    if (round >= options_.attempts) {
      log("cluster-join", "failed to join cluster at [{}], after {} attempt(s)",
          fmt::join(addresses, " "), round);
      return {Outcome::kFailed, "", "failed to join cluster"};
    }
    log("cluster-join", "failed to join cluster at [{}], sleeping {} before retry",
        fmt::join(addresses, " "), format_duration(options_.interval));
    if (!pause(options_.interval)) return {Outcome::kStopped, "", "join operation canceled"};
  }
}

Joiner::Result Joiner::join_once(const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) {
    Result result = ask(address);
    if (result.outcome == Outcome::kJoined) {
      log("cluster-join", "successfully joined cluster at {}", address);
    }
    if (result.outcome != Outcome::kFailed) return result;
    log("cluster-join", "failed to join via node at {}: {}{}", address, result.text,
        !options_.is_named ? " (did you forget to set -join-as?)" : "");
    if (options_.takes_part()) {
      log("cluster-join", "this node is a member already, and its cluster has a leader");
      return {Outcome::kJoined, address, ""};
    }
  }
  return {Outcome::kFailed, "", "failed to join cluster"};
}

Joiner::Result Joiner::ask(const std::string& address) {
  std::string at = address;
  bool asks_again = false;
  for (int requests = 1; !options_.stop_is_wanted(); requests++) {
    JoinRequest request = make_request_();
    request.asks_again = asks_again;
    const net::CallResult result =
        std::move(fetch_all(client_,
                            {{.address = at,
                              .method = "POST",
                              .target = std::string(kJoinPath),
                              .headers = options_.login,
                              .body = encode(request),
                              .timeout = options_.timeout}},
                            kAnswerBytesMax, options_.patience, options_.stop_is_wanted)
                      .front());
    if (options_.stop_is_wanted()) break;
    if (!result.response.ok()) return {Outcome::kFailed, address, result.response.error().text()};
    const std::string text = message_in(result.response->body);
    const auto cluster = net::find_field(result.response->headers, kClusterHeader);
    if (cluster && !cluster->empty()) {
      options_.heard_of(std::string(*cluster), result.response->status < 300);
    }
    switch (result.response->status) {
      case 200:
        return {Outcome::kJoined, address, ""};
      case 202:
        // Let in, and on its way: however long that takes.
        requests = 0;
        asks_again = true;
        (void)pause(kAskAgain);
        continue;
      case 421:
        if (text.empty()) return {Outcome::kFailed, address, "no leader"};
        if (requests >= kRequestsMax) return {Outcome::kFailed, address, "max redirects exceeded"};
        at = text;
        continue;
      case 410:
        // Only this node's own cluster can say so.
        if (request.cluster_id.empty() || cluster != request.cluster_id) {
          return {Outcome::kFailed, address, "another cluster says: " + text};
        }
        return {Outcome::kRemoved, address, text};
      default:
        return {Outcome::kFailed, address, text};
    }
  }
  return {Outcome::kStopped, address, "join operation canceled"};
}

}  // namespace rqlite::cluster
