#include "cluster/founding_vote.h"

#include "cluster/founding_messages.h"

namespace rqlite::cluster {

FoundingVote::Answer FoundingVote::granted(std::string_view own_cluster) const {
  return {Answer::Kind::kGranted, state_.promised, state_.accepted, !own_cluster.empty()};
}

FoundingVote::Answer FoundingVote::prepare(const Attempt& attempt, Ballot ballot,
                                           std::string_view own_cluster, bool may_bind) {
  const bool is_bound = is_bound_to(attempt.cluster_id);
  if (own_cluster == attempt.cluster_id || (is_bound && state_.is_founded)) {
    return {Answer::Kind::kIsFounded, state_.promised, {}, false};
  }
  if (!is_bound) {
    // Both last: it is of a cluster for good, and what it has promised only grows.
    if (!own_cluster.empty() || attempt.birth <= state_.promised) {
      return {Answer::Kind::kNever, state_.promised, {}, false};
    }
    if (!may_bind || state_.attempt) return {Answer::Kind::kBusy, state_.promised, {}, false};
  }
  if (ballot < state_.promised) return {Answer::Kind::kOutrun, state_.promised, {}, false};
  if (!is_bound) state_ = {state_.promised, attempt, {}, false};
  state_.promised = ballot;
  return granted(own_cluster);
}

FoundingVote::Answer FoundingVote::accept(std::string_view cluster_id, Ballot ballot,
                                          Verdict verdict, std::string_view own_cluster) {
  if (own_cluster == cluster_id) return {Answer::Kind::kIsFounded, state_.promised, {}, false};
  if (!is_bound_to(cluster_id)) return {Answer::Kind::kNever, state_.promised, {}, false};
  if (state_.is_founded) return {Answer::Kind::kIsFounded, state_.promised, {}, false};
  if (ballot < state_.promised) return {Answer::Kind::kOutrun, state_.promised, {}, false};
  state_.promised = ballot;
  state_.accepted = {ballot, verdict};
  return granted(own_cluster);
}

void FoundingVote::learn(std::string_view cluster_id, Verdict verdict) {
  if (!is_bound_to(cluster_id)) return;
  switch (verdict) {
    case Verdict::kFound:
      state_.is_founded = true;
      return;
    case Verdict::kDrop:
      // The promise stays: what was asked under it may still be on its way.
      state_ = {state_.promised, {}, {}, false};
      return;
  }
}

Bytes FoundingVote::encode(const State& state) { return encode_vote_state(state); }

std::optional<FoundingVote::State> FoundingVote::decode(BytesView bytes) {
  return decode_vote_state(bytes);
}

}  // namespace rqlite::cluster
