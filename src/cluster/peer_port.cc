#include "cluster/peer_port.h"

#include <charconv>
#include <optional>
#include <utility>

#include "cluster/cluster.h"
#include "cluster/founding_messages.h"
#include "command/request.h"
#include "net/socket.h"

namespace rqlite::cluster {
namespace {

std::optional<std::uint64_t> number_of(const net::Request& request, const char* name) {
  const std::string text(request.parameters.text(name, ""));
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

// What anybody may send has so much.
constexpr std::uint64_t kOpenBodyBytesMax = 64 << 10;

// Whether the body of `head` is known to have no more than that.
bool is_small(const net::Request& head) {
  const auto length = header_of(head, "Content-Length");
  if (!length || !head.headers->values("Transfer-Encoding").empty()) return false;
  std::uint64_t bytes = 0;
  const char* end = length->data() + length->size();
  const auto [stop, error] = std::from_chars(length->data(), end, bytes);
  return error == std::errc() && stop == end && bytes <= kOpenBodyBytesMax;
}

// Of what a member says about a snapshot that did not arrive.
constexpr std::size_t kReasonBytesMax = 500;

net::Response content(Bytes body) { return {200, "application/octet-stream", {}, std::move(body)}; }

constexpr const char* kStranger =
    "the node is of another cluster, or was not recovered with this one: to join, it needs an "
    "empty data directory";

net::Response bad(std::string why) { return failure({Code::kInvalid, std::move(why)}); }

// Answers with what a batch did.
class BatchReply final : public store::Write {
 public:
  explicit BatchReply(std::shared_ptr<net::Reply> reply) : reply_(std::move(reply)) {}
  void applied(raft::Index index, std::vector<command::RequestResult> results) override {
    reply_->send(content(encode(BatchResults{index, std::move(results)})));
  }
  void failed(const Status& why) override { reply_->send(failure(why)); }

 private:
  const std::shared_ptr<net::Reply> reply_;
};

}  // namespace

struct PeerPort::Route {
  std::string_view path;
  std::string_view method;
  bool is_open;  // to nodes of no cluster, and before the store is there
  void (PeerPort::*answer)(net::Request, std::shared_ptr<net::Reply>);
};

const PeerPort::Route* PeerPort::find_route(const std::string& path) {
  static const Route kRoutes[] = {
      {kIdentityPath, "GET", true, &PeerPort::identity},
      {kJoinPath, "POST", true, &PeerPort::join},
      {kFoundingPath, "POST", true, &PeerPort::founding},
      {kStreamPath, "GET", false, &PeerPort::stream},
      {kMetaPath, "GET", false, &PeerPort::meta},
      {kSnapshotPath, "GET", false, &PeerPort::snapshot},
      {kPartPath, "GET", false, &PeerPort::snapshot_part},
      {kSnapshotDonePath, "POST", false, &PeerPort::snapshot_done},
      {kBatchPath, "POST", false, &PeerPort::batch},
      {kAppliedPath, "GET", false, &PeerPort::applied},
  };
  for (const Route& each : kRoutes) {
    if (each.path == path) return &each;
  }
  return nullptr;
}

void PeerPort::handle(net::Request request, std::shared_ptr<net::Reply> reply) {
  if (request.path.starts_with(kForwardPath)) {
    if (Status status = cluster_.check_cluster(request); !status.ok()) {
      return reply->send(failure(status));
    }
    request.path.erase(0, kForwardPath.size());
    count_passed_on(request.path);
    request.passed_on = true;
    return forwarded_.handle(std::move(request), std::move(reply));
  }
  const Route* route = find_route(request.path);
  if (route == nullptr) {
    cluster_.counters().unknown_routes++;
    return reply->send(net::Response::bare(404));
  }
  if (request.method != route->method) return reply->send(net::Response::bare(405));
  if (route->answer == &PeerPort::meta) cluster_.counters().meta_requests++;
  if (!route->is_open) {
    if (Status status = cluster_.check_cluster(request); !status.ok()) {
      return reply->send(failure(status));
    }
  }
  if (Result<net::Parameters> parameters = net::Parameters::parse(request.raw_query);
      parameters.ok()) {
    request.parameters = std::move(*parameters);
  } else {
    return reply->send(bad(parameters.error().text()));
  }
  (this->*route->answer)(std::move(request), std::move(reply));
}

std::optional<net::Response> PeerPort::refusal_of(const net::Request& head) {
  const Route* route = find_route(head.path);
  if (route == nullptr) {
    cluster_.counters().unknown_routes++;
    return net::Response::bare(404);
  }
  if (head.method != route->method) return net::Response::bare(405);
  if (route->is_open) {
    if (is_small(head)) return std::nullopt;
    return net::Response::text(413, "the request is too large, or does not say how large it is");
  }
  if (Status status = cluster_.check_cluster(head); !status.ok()) return failure(status);
  return std::nullopt;
}

void PeerPort::admit(net::Request head, std::function<void(Admission)> then) {
  // Whoever may not say anything need not say much.
  if (!head.path.starts_with(kForwardPath)) return then({refusal_of(head), nullptr});
  if (Status status = cluster_.check_cluster(head); !status.ok()) {
    return then({failure(status), nullptr});
  }
  head.path.erase(0, kForwardPath.size());
  head.passed_on = true;
  auto counted = [this, path = head.path, then = std::move(then)](Admission admission) {
    // What is admitted is counted when it is whole.
    if (admission.refusal) count_passed_on(path);
    then(std::move(admission));
  };
  forwarded_.admit(std::move(head), std::move(counted));
}

void PeerPort::count_passed_on(const std::string& path) {
  cluster_.counters().asked[static_cast<std::size_t>(passed_on_kind(path))]++;
}

void PeerPort::identity(net::Request, std::shared_ptr<net::Reply> reply) {
  reply->send(content(encode(cluster_.identity())));
}

void PeerPort::meta(net::Request, std::shared_ptr<net::Reply> reply) {
  cluster_.counters().meta_answers++;
  reply->send(content(encode(cluster_.meta())));
}

void PeerPort::join(net::Request request, std::shared_ptr<net::Reply> reply) {
  std::optional<JoinRequest> wish = decode_join_request(request.body);
  if (!wish || !wish->asks_again) cluster_.counters().join_requests++;
  if (!wish) return reply->send(net::Response::text(400, "the request cannot be read"));
  if (cluster_.store_.load() == nullptr) {
    return reply->send(net::Response::text(503, "store not open"));
  }
  // A node with a past belongs where it comes from.
  const std::string own = cluster_.store_.load()->cluster_id();
  if (!wish->cluster_id.empty() && wish->cluster_id != own) {
    return reply->send(net::Response{403, net::kTextType, {}, kStranger});
  }
  auto let_in = [this, own, wish = *wish, reply](bool may) {
    if (!may) return reply->send(net::Response{401, net::kTextType, {}, "unauthorized"});
    cluster_.members().join(wish, [own, reply](const MembersService::Joined& joined) {
      using Outcome = MembersService::Joined::Outcome;
      auto answer = [&](int status) {
        reply->send(net::Response{status, net::kTextType, {{kClusterHeader, own}}, joined.text});
      };
      switch (joined.outcome) {
        case Outcome::kMember:
          return answer(200);
        case Outcome::kCatchingUp:
          return answer(202);
        case Outcome::kNotLeader:
          return answer(421);
        case Outcome::kRemoved:
          return answer(410);
        case Outcome::kRefused:
          return answer(409);
      }
    });
  };
  const auto wanted =
      wish->wants_vote ? Cluster::Permission::kJoin : Cluster::Permission::kJoinReadOnly;
  if (!cluster_.options().may) return let_in(true);
  cluster_.options().may(request, wanted, std::move(let_in));
}

void PeerPort::founding(net::Request request, std::shared_ptr<net::Reply> reply) {
  cluster_.counters().notifications++;
  std::optional<FoundingRequest> wish = decode_founding_request(request.body);
  if (!wish) return reply->send(net::Response::text(400, "the request cannot be read"));
  if (cluster_.store_.load() == nullptr) {
    return reply->send(net::Response::text(503, "store not open"));
  }
  auto let_in = [this, wish = std::move(*wish), reply](bool may) {
    if (!may) return reply->send(net::Response{401, net::kTextType, {}, "unauthorized"});
    cluster_.founder().answer(wish, [reply](Result<Bytes> answer) {
      reply->send(answer.ok() ? content(std::move(*answer)) : failure(answer.error()));
    });
  };
  if (!cluster_.options().may) return let_in(true);
  cluster_.options().may(request, Cluster::Permission::kJoin, std::move(let_in));
}

void PeerPort::stream(net::Request request, std::shared_ptr<net::Reply> reply) {
  const auto text_of = [&](std::string_view name) {
    return std::string(header_of(request, name).value_or(""));
  };
  const std::optional<raft::RaftId> from = raft_id_of(text_of(kFromHeader));
  const std::optional<raft::RaftId> to = raft_id_of(text_of(kToHeader));
  if (!from || !to || request.upgrade != kStreamProtocol) {
    return reply->send(bad("this is no stream between members"));
  }
  if (*to != cluster_.options().raft_id) {
    return reply->send(bad("another node answers at this address"));
  }
  cluster_.note_contact({*from, text_of(kAddressHeader), text_of(kClusterHeader)});
  reply->upgrade(std::string(kStreamProtocol), {},
                 [this, from = *from](std::unique_ptr<net::Socket> socket, const Bytes& received) {
                   cluster_.raft_transport().accept(from, std::move(socket), received);
                 });
}

void PeerPort::snapshot(net::Request request, std::shared_ptr<net::Reply> reply) {
  const auto from = raft_id_of(header_of(request, kFromHeader).value_or(""));
  if (!from) return reply->send(bad("nobody asks"));
  cluster_.source_->offer(*from, [reply](Result<SnapshotOffer> offer) {
    reply->send(offer.ok() ? content(encode(*offer)) : failure(offer.error()));
  });
}

void PeerPort::snapshot_part(net::Request request, std::shared_ptr<net::Reply> reply) {
  const auto id = number_of(request, "id");
  const auto file = number_of(request, "file");
  const auto offset = number_of(request, "offset");
  if (!id || !file || *file > static_cast<std::uint64_t>(SnapshotFile::kOutcomes) || !offset) {
    return reply->send(bad("there is no such part"));
  }
  cluster_.source_->part(
      *id, static_cast<SnapshotFile>(*file), *offset, number_of(request, "packed") == 1,
      [reply](Result<Bytes> part) {
        reply->send(part.ok() ? content(std::move(*part)) : failure(part.error()));
      });
}

void PeerPort::snapshot_done(net::Request request, std::shared_ptr<net::Reply> reply) {
  const auto from = raft_id_of(header_of(request, kFromHeader).value_or(""));
  const auto arrived = number_of(request, "arrived");
  if (!from || !arrived) return reply->send(bad("nobody says so"));
  cluster_.source_->done(*from, number_of(request, "id").value_or(0), *arrived != 0,
                         message_in(BytesView(request.body).substr(0, kReasonBytesMax)));
  reply->send(net::Response::bare(200));
}

void PeerPort::batch(net::Request request, std::shared_ptr<net::Reply> reply) {
  const auto epoch = number_of(request, "epoch");
  const auto first = number_of(request, "first");
  const auto from = raft_id_of(header_of(request, kFromHeader).value_or(""));
  store::Store& store = *cluster_.store_.load();
  const store::Membership membership = store.membership();
  const store::Membership::Entry* entry = from ? membership.find(*from) : nullptr;
  if (entry == nullptr && !(store.is_leader() && store.is_ready())) {
    // It may have become a member by something that is not applied here yet.
    return reply->send(failure({Code::kUnavailable, "this node does not know its members yet"}));
  }
  if (!epoch || !first || entry == nullptr) return reply->send(bad("this is no member's batch"));
  if (!command::is_batch(request.body)) return reply->send(bad("the batch cannot be read"));
  cluster_.counters().asked[static_cast<std::size_t>(PassedOn::kExecute)]++;
  store.write(std::move(request.body), {entry->member.node_id, *epoch, *first, from->value()},
              std::make_unique<BatchReply>(std::move(reply)));
}

void PeerPort::applied(net::Request request, std::shared_ptr<net::Reply> reply) {
  const auto index = number_of(request, "index");
  if (!index) return reply->send(bad("there is no such index"));
  cluster_.store_.load()->confirm(raft::Index(*index),
                                  std::make_unique<BatchReply>(std::move(reply)));
}

}  // namespace rqlite::cluster
