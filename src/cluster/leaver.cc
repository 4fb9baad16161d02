#include "cluster/leaver.h"

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/json_members.h"
#include "cluster/peer_protocol.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 10ms;
constexpr std::size_t kAnswerBytesMax = 64 << 10;

}  // namespace

Status Leaver::leave() {
  const TimePoint deadline = clock_.now() + options_.all_timeout;
  Status status;
  for (int attempt = 1; attempt <= options_.attempts; attempt++) {
    if (attempt > 1) (void)sleeper_.sleep(options_.interval);
    status = leave_once(deadline);
    if (status.ok()) {
      wait_until_seen();
      return {};
    }
    if (clock_.now() >= deadline) break;
  }
  return status;
}

Status Leaver::leave_once(TimePoint deadline) {
  const TimePoint patience = std::min(deadline, clock_.now() + options_.leader_timeout);
  std::optional<store::Store::Leader> leader = store_.leader();
  while (!leader) {
    // Who stays would not know that it is alone.
    if (clock_.now() >= patience) return {Code::kNoLeader, "leader not found"};
    (void)sleeper_.sleep(kLookEvery);
    leader = store_.leader();
  }
  return leader->is_self ? leave_as_leader(deadline) : ask(leader->member.raft_address, deadline);
}

// Hands leadership over at most: whoever leads then is asked at the next attempt.
Status Leaver::leave_as_leader(TimePoint deadline) {
  auto done = std::make_shared<std::promise<Status>>();
  std::future<Status> result = done->get_future();
  cluster_.members().remove(store_.options().node_id,
                            [done](const Status& status) { done->set_value(status); });
  const auto patience =
      std::min<std::chrono::nanoseconds>(options_.call_timeout, deadline - clock_.now());
  if (result.wait_for(patience) == std::future_status::ready) return result.get();
  return {Code::kDeadline, "the removal takes too long"};
}

Status Leaver::ask(const std::string& leader, TimePoint deadline) {
  JsonMembers body;
  body.add("id", store_.options().node_id);
  net::Call call{.address = leader,
                 .method = "DELETE",
                 .target = std::string(kForwardPath) + "/remove",
                 .headers = cluster_.headers(),
                 .body = body.to_json(),
                 .timeout = std::min<std::chrono::nanoseconds>(options_.call_timeout,
                                                               deadline - clock_.now())};
  for (const auto& field : options_.login) call.headers.push_back(field);
  const net::CallResult result = cluster_.client().fetch(std::move(call), kAnswerBytesMax);
  if (!result.response.ok()) return result.response.error();
  if (result.response->status == 200) return {};
  if (result.response->status == 401) return {Code::kInvalid, "unauthorized"};
  return {Code::kUnavailable, message_in(result.response->body)};
}

// Not for ever: who is removed may never hear of it.
void Leaver::wait_until_seen() {
  const TimePoint patience = clock_.now() + options_.view_timeout;
  while (store_.membership().contains(store_.raft_id()) && clock_.now() < patience) {
    (void)sleeper_.sleep(kLookEvery);
  }
}

}  // namespace rqlite::cluster
