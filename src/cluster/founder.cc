#include "cluster/founder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "cluster/fetch_all.h"
#include "store/identity.h"

namespace rqlite::cluster {
namespace {

using Kind = FoundingRequest::Kind;
using Outcome = FoundingRound::Outcome;

constexpr std::size_t kAnswerBytesMax = 256 << 10;

std::vector<std::string> names_of(const std::map<raft::RaftId, store::Member>& members) {
  std::vector<std::string> names;
  for (const auto& [id, member] : members) {
    names.push_back(member.node_id + " at " + member.raft_address);
  }
  std::sort(names.begin(), names.end());
  return names;
}

FoundingRound::Reply reply_of(const FoundingRequest& request, const Bytes& body) {
  FoundingRound::Reply reply;
  if (request.kind == Kind::kView) {
    reply.view = decode_founder_view(body);
  } else {
    reply.vote = decode_vote_answer(body);
  }
  if (!reply.view && !reply.vote) reply.failure = "its answer cannot be read";
  return reply;
}

}  // namespace

Result<std::unique_ptr<Founder>> Founder::open(Options options, FileSystem& files, std::string path,
                                               net::Client& client) {
  std::unique_ptr<Founder> made(new Founder(std::move(options), files, std::move(path), client));
  const Result<bool> exists = files.exists(made->path_);
  if (!exists.ok()) return exists.error();
  if (!*exists) return made;
  MutexLock lock(made->mutex_);
  Result<SlotFile> slot = SlotFile::open(files, made->path_, FoundingVote::encode({}));
  if (!slot.ok()) return slot.error();
  std::optional<FoundingVote::State> state = FoundingVote::decode(slot->value());
  if (!state) return Status(Code::kFailed, made->path_ + " does not hold a vote on a cluster");
  made->slot_.emplace(std::move(*slot));
  made->vote_ = FoundingVote(std::move(*state));
  return made;
}

bool Founder::is_bound() {
  MutexLock lock(mutex_);
  return vote_.state().attempt.has_value();
}

void Founder::start(store::Store& store) {
  store_ = &store;
  MutexLock lock(mutex_);
  if (vote_.state().is_founded) found(false);
}

void Founder::stop() {
  store_ = nullptr;
  worker_.finish();
}

void Founder::answer(FoundingRequest request, std::function<void(Result<Bytes>)> then) {
  worker_.post([this, request = std::move(request), then = std::move(then)] {
    then(answer_now(request, false));
  });
}

Result<Bytes> Founder::answer_now(const FoundingRequest& request, bool begins) {
  store::Store* store = store_;
  if (store == nullptr) return Status(Code::kUnavailable, "store not open");
  MutexLock lock(mutex_);
  const std::string own_cluster = store->cluster_id();
  if (request.kind == Kind::kView) return encode(view(own_cluster));
  if (request.to != options_.identity.raft_id) {
    return Status(Code::kInvalid, "another node answers at this address");
  }
  FoundingVote changed = vote_;
  Result<FoundingVote::Answer> answer = vote(request, own_cluster, changed);
  if (!answer.ok()) return answer.error();
  if (changed.state() != vote_.state()) RETURN_IF_ERROR(keep(changed));
  if (request.kind == Kind::kLearn && vote_.state().is_founded) found(begins);
  return encode(*answer);
}

FounderView Founder::view(const std::string& own_cluster) {
  return {options_.identity,
          options_.raft_address,
          options_.wants_vote,
          options_.expect,
          own_cluster,
          vote_.state().promised,
          own_cluster.empty() ? vote_.state().attempt : std::nullopt,
          addresses_};
}

Result<FoundingVote::Answer> Founder::vote(const FoundingRequest& request,
                                           const std::string& own_cluster, FoundingVote& vote) {
  switch (request.kind) {
    case Kind::kPrepare:
      return vote.prepare(request.attempt, request.ballot, own_cluster,
                          options_.wants_vote && options_.expect > 0);
    case Kind::kAccept:
      return vote.accept(request.attempt.cluster_id, request.ballot, request.verdict, own_cluster);
    case Kind::kLearn:
      vote.learn(request.attempt.cluster_id, request.verdict);
      return FoundingVote::Answer();
    case Kind::kView:
      break;
  }
  CHECK(false);
}

Status Founder::keep(const FoundingVote& vote) {
  const Bytes value = FoundingVote::encode(vote.state());
  if (value.size() > SlotFile::kValueBytesMax) {
    return {Code::kTooLarge, "so many nodes cannot found a cluster together"};
  }
  if (!slot_) {
    Result<SlotFile> slot = SlotFile::open(files_, path_, FoundingVote::encode({}));
    if (!slot.ok()) return slot.error();
    slot_.emplace(std::move(*slot));
  }
  RETURN_IF_ERROR(slot_->replace(value));
  vote_ = vote;
  return {};
}

void Founder::found(bool begins) {
  store::Store* store = store_;
  const std::map<raft::RaftId, store::Member> members = vote_.state().attempt->members();
  if (store == nullptr || !store->waits() || !members.contains(options_.identity.raft_id)) return;
  log("cluster-bootstrap", "cluster bootstrap successful, servers: {}",
      fmt::join(names_of(members), ", "));
  store->found(vote_.state().attempt->cluster_id, members, begins);
}

std::vector<FoundingRound::Reply> Founder::ask(const std::vector<FoundingRound::Call>& calls,
                                               const RoundOptions& options) {
  std::vector<FoundingRound::Reply> replies(calls.size());
  std::vector<net::Call> remote;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < calls.size(); i++) {
    const auto& [address, request] = calls[i];
    if (address == options_.raft_address) {
      const Result<Bytes> body = answer_now(request, true);
      replies[i] =
          body.ok() ? reply_of(request, *body) : FoundingRound::Reply{{}, {}, body.error().text()};
      continue;
    }
    places.push_back(i);
    remote.push_back({.address = address,
                      .method = "POST",
                      .target = std::string(kFoundingPath),
                      .headers = options.login,
                      .body = encode(request),
                      .timeout = options_.patience});
  }
  const std::vector<net::CallResult> results = fetch_all(
      client_, std::move(remote), kAnswerBytesMax, options_.patience, options.stop_is_wanted);
  for (std::size_t i = 0; i < results.size(); i++) {
    const auto& response = results[i].response;
    FoundingRound::Reply& reply = replies[places[i]];
    if (!response.ok()) {
      reply.failure = response.error().text();
    } else if (response->status != 200) {
      reply.failure = message_in(response->body);
    } else {
      reply = reply_of(calls[places[i]].request, response->body);
    }
  }
  return replies;
}

FoundingRound::Outcome Founder::round(const std::vector<std::string>& addresses,
                                      const RoundOptions& options) {
  {
    MutexLock lock(mutex_);
    addresses_ = addresses;
  }
  FoundingRound round(
      {options_.identity.raft_id, options_.raft_address, options_.expect, addresses}, patience_,
      [] { return store::make_cluster_id(); });
  bool has_said = false;
  while (!round.calls().empty() && !options.stop_is_wanted()) {
    const std::vector<FoundingRound::Call> calls = round.calls();
    round.take(ask(calls, options));
    if (!has_said && round.attempt() && round.attempt()->birth.by == options_.identity.raft_id) {
      has_said = true;
      log("cluster-bootstrap", "reached expected bootstrap count of {}, starting cluster bootstrap",
          options_.expect);
    }
  }
  if (!round.calls().empty()) return Outcome::kWaits;  // stopped in the midst
  patience_ = round.waits_for_another() ? patience_ + 1 : 0;
  say(round, addresses);
  return round.outcome();
}

void Founder::say(const FoundingRound& round, const std::vector<std::string>& addresses) {
  if (round.silent().empty()) {
    log("cluster-bootstrap", "succeeded notifying all targets: [{}]", fmt::join(addresses, " "));
  } else {
    const auto& [address, why] = *round.silent().begin();
    log("cluster-bootstrap",
        "failed to notify all targets: [{}] (failed to notify node at {}: {}, will retry)",
        fmt::join(addresses, " "), address, why);
  }
  switch (round.outcome()) {
    case Outcome::kWaits:
    case Outcome::kDropped:
      if (std::exchange(said_, round.why()) != said_ && !said_.empty()) {
        log("cluster-bootstrap", "no cluster is founded yet: {}", said_);
      }
      return;
    case Outcome::kCluster:
    case Outcome::kFounded:
      return;
  }
}

}  // namespace rqlite::cluster
