#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "raft/core.h"
#include "raft/log_model.h"
#include "raft/types.h"

namespace rqlite::raft {

// Raft's promises, held against everything that the members of one history do:
//
//   election safety       at most one leader in a term
//   leader append-only    a leader never replaces an entry of its log
//   log matching          two logs with an entry of the same index and term are alike up to it
//   leader completeness   whoever leads in a later term has all that was committed before
//   state machine safety  all apply the same entry at an index, and a committed one stays
//
// and ours: what was acknowledged is applied, once; what was refused never is; a linearizable
// read sees what was acknowledged before it began. The first breach is kept.
class RaftChecker {
 public:
  // Empty as long as all is well.
  [[nodiscard]] const std::string& breach() const { return breach_; }
  void fail(std::string what);

  // `member` is about to write `entries` behind or over those of `log`. `leads`: it did so all the
  // time since its last write.
  void writes(RaftId member, bool leads, const LogContent& log, std::span<const EntryView> entries);
  // Where `member` stands after a round.
  void stands(RaftId member, const Core::Status& status, const LogContent& log);
  // `member` was started again.
  void starts(RaftId member) { commits_.erase(member); }

  // What state machines hold is told by a digest of all that they applied.
  using Digest = std::uint64_t;
  static constexpr Digest kNothingApplied = 1;
  // `member`, whose content was `before`, applies an entry. Returns what it is from then on.
  // `proposal` is the number that the entry carries; 0 for none.
  Digest applies(RaftId member, Digest before, const EntryView& entry, std::uint64_t proposal);
  // `member` has its content from a snapshot: its own, or one that was sent.
  void restores(RaftId member, Index index, Digest digest);

  // Proposals have numbers, from 1. Returns the next.
  std::uint64_t proposes();
  void acknowledged(std::uint64_t proposal, Index index);
  void refused(std::uint64_t proposal);

  // What a read that begins now must see, and how far it was told to wait.
  [[nodiscard]] Index read_begins() const { return acknowledged_; }
  void read_ready(Index must_see, Index index);

  [[nodiscard]] bool is_acknowledged(std::uint64_t proposal) const {
    return proposals_.at(proposal - 1).acknowledged;
  }
  [[nodiscard]] bool is_applied(std::uint64_t proposal) const {
    return proposals_.at(proposal - 1).applied != Index();
  }
  // That `applied`, of `member`, has all that was acknowledged, each once.
  void holds_all(RaftId member, const std::vector<std::uint64_t>& applied);

  // What happened, for a test to see that anything did.
  struct Figures {
    std::uint64_t terms_led = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t refused = 0;
    std::uint64_t reads = 0;

    Figures& operator+=(const Figures& other);
  };
  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  struct Place {
    Term term;
    bool committed = false;
    Term committed_in;  // no earlier than it was
    bool applied = false;
    std::uint64_t hash = 0;
    Digest digest = 0;  // of all up to here
  };
  struct Link {
    std::uint64_t hash;
    Term before;  // of the entry in front
  };
  struct Proposed {
    Index applied;
    bool acknowledged = false;
    bool refused = false;
  };

  static std::uint64_t hash(const EntryView& entry);
  Place& place(Index index);
  void commits(RaftId member, Term now, Index index, Term term);
  void comes_to_lead(RaftId member, Term term, const LogContent& log);

  std::string breach_;
  std::map<Term, RaftId> leaders_;
  std::map<RaftId, Index> commits_;                // how far each member was seen to know
  std::vector<Place> places_;                      // by index
  std::unordered_map<std::uint64_t, Link> links_;  // by index and term
  std::vector<Proposed> proposals_;
  Index acknowledged_;
  Figures figures_;
};

}  // namespace rqlite::raft
