#pragma once

#include <chrono>
#include <set>
#include <string>

#include "cluster/agreement.h"
#include "cluster/counters.h"
#include "cluster/group.h"
#include "cluster/peer_protocol.h"
#include "net/client.h"

namespace rqlite::cluster {

// Decides, as the leader, about nodes that want to join. Blocks: it asks them who they are, and
// those whose place they would take; one thread.
class Admission {
 public:
  struct Answer {
    enum class Outcome {
      kMember,      // it is one now
      kCatchingUp,  // it will be: ask again
      kNotLeader,   // another one decides
      kRemoved,     // it was one; it has to come back as somebody new
      kRefused,
    } outcome = Outcome::kRefused;
    std::string text;  // why, or the leader's address, if it is known
  };

  // `probe_timeout`: how long another node may take to say who it is. What is passed by reference
  // must outlive it.
  Admission(Group& group, const Agreement& agreement, net::Client& client, Counters& counters,
            std::chrono::nanoseconds probe_timeout)
      : group_(group),
        agreement_(agreement),
        client_(client),
        counters_(counters),
        probe_timeout_(probe_timeout) {}

  Answer decide(const JoinRequest& request);

  // A member that only reads has got all there was.
  void note_caught_up(raft::RaftId id) { caught_up_.insert(id); }
  [[nodiscard]] bool has_caught_up(raft::RaftId id) const { return caught_up_.contains(id); }
  // This node does not lead: others decide, and know more than it does by now.
  void forget();

 private:
  Answer decide_known(const JoinRequest& request, const store::Membership::Entry& entry);
  Answer decide_new(const JoinRequest& request, const store::Membership& membership);
  Answer decide_removed(const NodeIdentity& who);
  Result<NodeIdentity> ask_who(const std::string& address);
  // Ok: who wants to join is at its address.
  Status check_there(const JoinRequest& request);

  Group& group_;
  const Agreement& agreement_;
  net::Client& client_;
  Counters& counters_;
  const std::chrono::nanoseconds probe_timeout_;
  std::set<raft::RaftId> caught_up_;     // members that only read, and have been up to date
  std::set<raft::RaftId> told_to_wait_;  // who joins, and is to ask again
};

}  // namespace rqlite::cluster
