#include "cluster/stream_target.h"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "cluster/peer_protocol.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

// Of a leader that says nothing and goes on leading.
constexpr auto kTimeout = 5s;
constexpr std::size_t kAnswerBytesMax = 256 << 20;

void tell(store::Write& waits, const net::CallResult& result) {
  if (!result.response.ok()) {
    const Code code = result.sent ? Code::kUnknown : Code::kUnavailable;
    return waits.failed({code, result.response.error().text()});
  }
  const net::ClientResponse& response = *result.response;
  if (response.status != 200) {
    return waits.failed(failure_of_leader(response.status, response.headers, response.body));
  }
  std::optional<BatchResults> results = decode_batch_results(response.body);
  if (!results) return waits.failed({Code::kUnknown, "the leader's answer cannot be read"});
  waits.applied(results->index, std::move(results->results));
}

}  // namespace

void StreamTarget::write(Bytes batch, std::uint64_t epoch, std::uint64_t first,
                         std::unique_ptr<store::Write> write) {
  const std::optional<store::Store::Leader> leader = log_.leader();
  if (!leader) return write->failed({Code::kNoLeader, "leader not found"});
  if (leader->is_self) return log_.write(std::move(batch), epoch, first, std::move(write));
  ask(leader->id,
      {.address = leader->member.raft_address,
       .method = "POST",
       .target = std::string(kBatchPath) + "?epoch=" + std::to_string(epoch) +
                 "&first=" + std::to_string(first),
       .body = std::move(batch)},
      std::move(write));
}

void StreamTarget::confirm(raft::Index index, std::unique_ptr<store::Write> write) {
  const std::optional<store::Store::Leader> leader = log_.leader();
  if (!leader) return write->failed({Code::kNoLeader, "leader not found"});
  if (leader->is_self) return log_.confirm(index, std::move(write));
  ask(leader->id,
      {.address = leader->member.raft_address,
       .method = "GET",
       .target = std::string(kAppliedPath) + "?index=" + index.to_string()},
      std::move(write));
}

void StreamTarget::ask(raft::RaftId leader, net::Call call, std::unique_ptr<store::Write> write) {
  call.headers = {{std::string(kClusterHeader), log_.cluster_id()},
                  {std::string(kFromHeader), to_text(log_.raft_id())},
                  {std::string(kToHeader), to_text(leader)}};
  call.timeout = call.connect_timeout = kTimeout;
  std::uint64_t id = 0;
  {
    MutexLock lock(mutex_);
    id = next_id_++;
    sent_[id].to = leader;
  }
  // Shared, because callbacks are copied about; it is told once.
  auto waiting = std::make_shared<std::unique_ptr<store::Write>>(std::move(write));
  net::CallHandle handle = client_.fetch(std::move(call), kAnswerBytesMax,
                                         [this, id, waiting](const net::CallResult& result) {
                                           {
                                             MutexLock lock(mutex_);
                                             sent_.erase(id);
                                           }
                                           tell(**waiting, result);
                                         });
  {
    MutexLock lock(mutex_);
    const auto sent = sent_.find(id);
    if (sent == sent_.end()) return;
    sent->second.call = std::move(handle);
  }
  leader_changed();  // while there was nothing to give up
}

void StreamTarget::leader_changed() {
  const std::optional<store::Store::Leader> leader = log_.leader();
  // The one before may come back.
  if (!leader) return;
  std::vector<net::CallHandle> in_vain;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, sent] : sent_) {
      if (sent.to != leader->id) in_vain.push_back(sent.call);
    }
  }
  for (const net::CallHandle& call : in_vain) call.give_up();
}

}  // namespace rqlite::cluster
