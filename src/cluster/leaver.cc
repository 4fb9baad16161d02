#include "cluster/leaver.h"

#include <future>
#include <memory>
#include <utility>

#include "base/json_members.h"
#include "cluster/peer_protocol.h"

namespace rqlite::cluster {
namespace {

constexpr std::size_t kAnswerBytesMax = 64 << 10;

}  // namespace

Status Leaver::leave() {
  using Leader = store::Store::Leader;
  LeaveLoop::Means means{
      [this] { return store_.leader(); },
      [this](const Leader& leader, Nanos timeout) {
        return leader.is_self ? ask_self(timeout) : ask(leader.member.raft_address, timeout);
      },
      [this] { return store_.membership().contains(store_.raft_id()); }, sleeper_, clock_};
  return LeaveLoop(options_.loop, std::move(means)).run();
}

Status Leaver::ask_self(Nanos timeout) {
  auto done = std::make_shared<std::promise<Status>>();
  std::future<Status> result = done->get_future();
  cluster_.members().remove(store_.options().node_id,
                            [done](const Status& status) { done->set_value(status); });
  if (result.wait_for(timeout) == std::future_status::ready) return result.get();
  return {Code::kDeadline, "the removal takes too long"};
}

Status Leaver::ask(const std::string& leader, Nanos timeout) {
  JsonMembers body;
  body.add("id", store_.options().node_id);
  net::Call call{.address = leader,
                 .method = "DELETE",
                 .target = std::string(kForwardPath) + "/remove",
                 .headers = cluster_.headers(),
                 .body = body.to_json(),
                 .timeout = timeout,
                 .connect_timeout = timeout};
  for (const auto& field : options_.login) call.headers.push_back(field);
  const net::CallResult result = cluster_.client().fetch(std::move(call), kAnswerBytesMax);
  if (!result.response.ok()) return result.response.error();
  if (result.response->status == 200) return {};
  if (result.response->status == 401) return {Code::kInvalid, "unauthorized"};
  return failure_of_leader(result.response->status, result.response->headers,
                           result.response->body);
}

}  // namespace rqlite::cluster
