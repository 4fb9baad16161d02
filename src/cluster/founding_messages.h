#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cluster/founding_attempt.h"
#include "cluster/founding_vote.h"
#include "cluster/peer_protocol.h"

namespace rqlite::cluster {

// What nodes say to each other before there is a cluster, on the inter-node port: POST, with the
// login of a node that may join. Encoded as peer_protocol.h has it.
inline constexpr std::string_view kFoundingPath = "/peer/1/founding";  // FoundingRequest

// What a node says of itself to those who look for founders.
struct FounderView {
  NodeIdentity identity;
  std::string raft_address;
  bool wants_vote = true;
  std::uint64_t expect = 0;            // how many nodes it is to found a cluster with; 0: none
  std::string cluster_id;              // of which it is a member; empty: of none
  Ballot promised;                     // of its vote
  std::optional<Attempt> attempt;      // to which it is bound, while it is of no cluster
  std::vector<std::string> addresses;  // where it knows nodes to be, or about to be
};

struct FoundingRequest {
  enum class Kind : std::uint8_t {
    kView = 1,     // who are you: answered with a FounderView
    kPrepare = 2,  // the others with a FoundingVote::Answer
    kAccept = 3,
    kLearn = 4,
  } kind = Kind::kView;
  // What follows is that of the last three.
  raft::RaftId to;  // whoever else has the address by now must not answer
  Attempt attempt;  // its id alone counts for the last two
  Ballot ballot;
  Verdict verdict = Verdict::kDrop;
};

Bytes encode(const FounderView& view);
std::optional<FounderView> decode_founder_view(BytesView bytes);
Bytes encode(const FoundingRequest& request);
std::optional<FoundingRequest> decode_founding_request(BytesView bytes);
Bytes encode(const FoundingVote::Answer& answer);
std::optional<FoundingVote::Answer> decode_vote_answer(BytesView bytes);
Bytes encode_vote_state(const FoundingVote::State& state);
std::optional<FoundingVote::State> decode_vote_state(BytesView bytes);

}  // namespace rqlite::cluster
