#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cluster/founding_messages.h"

namespace rqlite::cluster {

// One try of one node to found a cluster with others: whom it asks for what, and what follows from
// the answers. Holds no thread, lock, clock or socket; whoever runs it sends calls() to their
// addresses, its own among them, all at once, gives take() what came back, and so on until there
// are no calls any more.
//
//   views    who answers, at all addresses that this node or anybody who answers knows of
//   prepare  a ballot on an attempt: the one that this node is bound to, or a new one. Its own vote
//            first, so that no ballot is ever used twice
//   accept   of what is to become of it
//   learn    what became of it
//
// Two clusters can never come of it, whatever is lost, late, doubled or killed, as long as data
// directories are kept. The argument:
//
// 1. An attempt is decided once: its parties are the acceptors of Paxos, majorities of them
// overlap,
//    a ballot is prepared before a verdict is asked for, and a verdict that may have been accepted
//    by a majority is asked for again. So whoever died in the midst, a majority of the parties ends
//    what it began.
// 2. kFound is asked for first only by who has seen ALL parties bound to the attempt, in one
// ballot.
//    A party is bound to one attempt at a time, and gets free of it only when kDrop is decided.
//    So of two attempts with a party in common one at most is ever found.
// 3. A new attempt has as parties all its members and a majority of the whole list: of all nodes
//    and addresses that are known to anybody who answers, those that do not answer included. So
//    attempts over the same list have a party in common, and so have those of members in common.
// 4. A party that is free again answers kNever to late questions about the attempt, by which who
//    asks knows that it was dropped: an attempt's parties have either all been bound when it was
//    found, or it was not. That takes no memory of old attempts, because ballots of a node only
//    grow, and an attempt has the ballot with which it came up.
//
// What it cannot see: lists that have no node in common, and a party whose directory is emptied
// while a cluster is founded, which is no acceptor any more but is missing only in the count. As
// many as are expected have to answer before an attempt is made, so with as many expected as there
// are in the list one that is left tells the others.
class FoundingRound {
 public:
  struct Self {
    raft::RaftId id;
    std::string raft_address;
    std::uint64_t expect = 0;            // how many members a new cluster is to have; 0: none
    std::vector<std::string> addresses;  // that it was told, its own or not among them
  };
  struct Call {
    std::string address;
    FoundingRequest request;
  };
  // What came back for a call: nothing, or what its kind is answered with.
  struct Reply {
    std::optional<FounderView> view;
    std::optional<FoundingVote::Answer> vote;
    std::string failure;  // why there is neither
  };
  enum class Outcome {
    kWaits,    // for others, or another time
    kCluster,  // somebody is of a cluster, which is to be joined
    kDropped,
    kFounded,  // and the parties that answer know it
  };

  // `patience`: how many rounds in a row this node has waited for others to act before it does.
  // `make_cluster_id` makes a random one.
  FoundingRound(Self self, int patience, std::function<std::string()> make_cluster_id);

  // Empty: it is over.
  [[nodiscard]] const std::vector<Call>& calls() const { return calls_; }
  // In the order of the calls.
  void take(const std::vector<Reply>& replies);

  [[nodiscard]] Outcome outcome() const { return outcome_; }
  // Whether another node is expected to act.
  [[nodiscard]] bool waits_for_another() const { return waits_for_another_; }
  // What it waits for, for people.
  [[nodiscard]] const std::string& why() const { return why_; }
  // The addresses that did not answer in the beginning, with the reason.
  [[nodiscard]] const std::map<std::string, std::string>& silent() const { return silent_; }
  [[nodiscard]] const std::optional<Attempt>& attempt() const { return attempt_; }

 private:
  enum class Phase { kViews, kOwnPromise, kPrepare, kAccept, kLearn, kOver };

  void ask_for_views(const std::vector<std::string>& addresses);
  void take_views(const std::vector<Reply>& replies);
  void decide();
  void resume(const Attempt& attempt);
  void begin();
  // Who could be a member of a new cluster, in the order in which all choose.
  [[nodiscard]] std::vector<const FounderView*> candidates() const;
  [[nodiscard]] bool is_of_cluster() const;
  // How many nodes may found clusters, as far as anybody knows, those that do not answer included.
  [[nodiscard]] std::size_t whole_list() const;
  void explain_too_few(std::size_t there, std::size_t needed);
  void prepare(Attempt attempt);
  void take_own_promise(const std::vector<Reply>& replies);
  void take_promises(const std::vector<Reply>& replies);
  void ask_for(Verdict verdict, const std::set<raft::RaftId>& of);
  void take_accepts(const std::vector<Reply>& replies);
  void tell(Verdict verdict);
  [[nodiscard]] std::set<raft::RaftId> parties() const;
  void call_parties(FoundingRequest::Kind kind, Verdict verdict,
                    const std::set<raft::RaftId>& which);
  void end(Outcome outcome, std::string why);
  void wait_for_another(std::string why);

  const Self self_;
  const int patience_;
  const std::function<std::string()> make_cluster_id_;

  Phase phase_ = Phase::kViews;
  std::vector<Call> calls_;
  std::set<std::string> asked_;
  std::map<raft::RaftId, FounderView> views_;
  std::map<std::string, std::string> silent_;
  std::optional<Attempt> attempt_;
  Ballot ballot_;
  Verdict verdict_ = Verdict::kDrop;
  Outcome outcome_ = Outcome::kWaits;
  bool waits_for_another_ = false;
  std::string why_;
};

}  // namespace rqlite::cluster
