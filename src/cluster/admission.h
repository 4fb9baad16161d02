#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "cluster/agreement.h"
#include "cluster/counters.h"
#include "cluster/group.h"
#include "cluster/inquiry.h"
#include "cluster/peer_protocol.h"

namespace rqlite::cluster {

// Decides, as the leader, about nodes that want to join. Waits for the members to agree, but not
// for who wants to join; one thread.
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

  // An answer of who joins is believed for `believed`, and that of others, who are asked before,
  // for twice as long. What is passed by reference must outlive it.
  Admission(Group& group, Agreement& agreement, const Clock& clock, Counters& counters,
            std::chrono::nanoseconds believed)
      : group_(group),
        agreement_(agreement),
        clock_(clock),
        counters_(counters),
        believed_(believed) {}

  // Nullopt: others have to be asked before.
  std::optional<Answer> decide(Inquiry& inquiry);

  // A member that only reads has got all there was.
  void note_caught_up(raft::RaftId id) { caught_up_.insert(id); }
  [[nodiscard]] bool has_caught_up(raft::RaftId id) const { return caught_up_.contains(id); }
  // This node does not lead: others decide, and know more than it does by now.
  void forget();

 private:
  std::optional<Answer> decide_known(Inquiry& inquiry, const store::Membership::Entry& entry);
  std::optional<Answer> decide_new(Inquiry& inquiry, const store::Membership& membership);
  Answer decide_removed(const NodeIdentity& who);
  // Ok: nobody else is the member that who wants to join says it is.
  std::optional<Status> check_is_no_copy(Inquiry& inquiry, const store::Member& member) const;
  // Ok: who wants to join is at its address.
  std::optional<Status> check_there(Inquiry& inquiry) const;

  Group& group_;
  Agreement& agreement_;
  const Clock& clock_;
  Counters& counters_;
  const std::chrono::nanoseconds believed_;
  std::set<raft::RaftId> caught_up_;     // members that only read, and have been up to date
  std::set<raft::RaftId> told_to_wait_;  // who joins, and is to ask again
};

}  // namespace rqlite::cluster
