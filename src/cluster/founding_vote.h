#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "cluster/founding_attempt.h"

namespace rqlite::cluster {

// What a node has promised to those who found a cluster, and what it answers them: the memory that
// keeps nodes that start at the same time from founding two.
//
// Holds no thread, lock, file or clock. Whoever asks it has to make state() durable, if it changed,
// before the answer goes out: a node that was killed keeps its promises.
//
// A node is bound to one attempt at a time, from the moment it grants a ballot on it until it knows
// what became of it. Whether an attempt becomes a cluster is decided once, as in Paxos (Lamport,
// "Paxos Made Simple", 2001), with its parties as the acceptors: founding_round.h is the proposer,
// and has the whole argument.
class FoundingVote {
 public:
  struct Accepted {
    Ballot ballot;
    Verdict verdict = Verdict::kDrop;

    friend bool operator==(const Accepted&, const Accepted&) = default;
  };
  struct State {
    Ballot promised;                   // never goes back
    std::optional<Attempt> attempt;    // to which it is bound
    std::optional<Accepted> accepted;  // on it
    bool is_founded = false;           // that this is what became of it is known

    friend bool operator==(const State&, const State&) = default;
  };
  static Bytes encode(const State& state);
  static std::optional<State> decode(BytesView bytes);  // nullopt: it makes no sense

  struct Answer {
    enum class Kind {
      kGranted,   // promised, with what was accepted before; or accepted
      kOutrun,    // a later ballot was promised
      kBusy,      // it is bound to another attempt, or to none for now
      kNever,     // it is not bound to this one, and never will be: so nothing became of it
      kIsFounded  // it is a cluster already
    } kind = Kind::kNever;
    Ballot promised;
    std::optional<Accepted> accepted;
    // It is a member of another cluster by now: it can vote, but found nothing.
    bool is_elsewhere = false;

    friend bool operator==(const Answer&, const Answer&) = default;
  };

  explicit FoundingVote(State state) : state_(std::move(state)) {}

  [[nodiscard]] const State& state() const { return state_; }

  // Each with the id of the cluster that this node is of, or "". `may_bind`: whether it is told
  // to found one with others.
  Answer prepare(const Attempt& attempt, Ballot ballot, std::string_view own_cluster,
                 bool may_bind);
  Answer accept(std::string_view cluster_id, Ballot ballot, Verdict verdict,
                std::string_view own_cluster);
  // It is known what became of an attempt.
  void learn(std::string_view cluster_id, Verdict verdict);

 private:
  [[nodiscard]] bool is_bound_to(std::string_view cluster_id) const {
    return state_.attempt && state_.attempt->cluster_id == cluster_id;
  }
  [[nodiscard]] Answer granted(std::string_view own_cluster) const;

  State state_;
};

}  // namespace rqlite::cluster
