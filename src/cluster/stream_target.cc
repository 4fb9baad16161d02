#include "cluster/stream_target.h"

#include <chrono>
#include <optional>
#include <utility>

#include "cluster/peer_protocol.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

// A leader that is gone is noticed by its members' votes, and the batch goes to the next one.
constexpr auto kTimeout = 5s;
constexpr std::size_t kAnswerBytesMax = 256 << 20;

}  // namespace

void StreamTarget::write(Bytes batch, std::uint64_t epoch, std::uint64_t first,
                         std::unique_ptr<store::Write> write) {
  const std::optional<store::Store::Leader> leader = log_.leader();
  if (!leader) return write->failed({Code::kNoLeader, "leader not found"});
  if (leader->is_self) return log_.write(std::move(batch), epoch, first, std::move(write));
  net::Call call{.address = leader->member.raft_address,
                 .method = "POST",
                 .target = std::string(kBatchPath) + "?epoch=" + std::to_string(epoch) +
                           "&first=" + std::to_string(first),
                 .headers = {{std::string(kClusterHeader), log_.cluster_id()},
                             {std::string(kFromHeader), to_text(log_.raft_id())},
                             {std::string(kToHeader), to_text(leader->id)}},
                 .body = std::move(batch),
                 .timeout = kTimeout,
                 .connect_timeout = kTimeout};
  // Shared, because callbacks are copied about; it is told once.
  auto waiting = std::make_shared<std::unique_ptr<store::Write>>(std::move(write));
  client_.fetch(std::move(call), kAnswerBytesMax, [waiting](const net::CallResult& result) {
    store::Write& waits = **waiting;
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
  });
}

}  // namespace rqlite::cluster
