#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "command/command.h"
#include "command/result.h"
#include "raft/types.h"
#include "store/outcome.h"

namespace rqlite::store {

// Where the writes that a member forwards stand, as a snapshot keeps it.
struct SenderPosition {
  raft::RaftId member;
  std::uint64_t epoch = 0;
  std::uint64_t answered_below = 0;
  raft::Index begun;  // of the entry that began the epoch

  friend bool operator==(const SenderPosition&, const SenderPosition&) = default;
};

// Which of the writes that members forwarded were applied, with what came of each, until the
// member says that it has had the answer. With it a member may send a write again, whatever became
// of it: it is applied once, and a repetition is answered with what the first one did.
//
// Part of the replicated state: every member's changes alike with every entry, however it groups
// them. Of each member the newest epoch counts. When a member goes, its results go too; its epoch
// and which numbers it has used stay, for it may come back, and with it old copies. Not
// thread-safe.
class ForwardedWrites {
 public:
  struct Limits {
    // Of one member. If it has more under way, the lowest count as answered.
    std::uint64_t unanswered = 1 << 18;
    // Of one result, and of all records of one member: of what does not fit only the fact is kept.
    std::size_t result_bytes = 256 << 10;
    std::size_t bytes = 64 << 20;
    std::size_t gone =
        64;  // members that went; of more, those with the lowest epochs are forgotten
  };

  ForwardedWrites() : ForwardedWrites(Limits{}) {}
  explicit ForwardedWrites(Limits limits) : limits_(limits) {}

  enum class Admission {
    kNew,    // is to be applied
    kSeen,   // was applied before
    kStale,  // is not to be applied: its sender has had an answer, or has begun a newer epoch
  };
  // What a write of `origin`, a member's, would be.
  [[nodiscard]] Admission look_up(const command::Origin& origin) const;
  // Whether it would end an epoch that something was kept of. Precondition of admit() then: all
  // that was admitted is applied.
  [[nodiscard]] bool begins_epoch(const command::Origin& origin) const;

  // The next entry holds a write of `origin`, a member's. Unless it is kStale, applied() or
  // repeated() has to follow, in the same order.
  Admission admit(const command::Origin& origin, raft::Index index);
  // What one that was admitted as kNew did.
  void applied(const command::Origin& origin, raft::Index index,
               const command::RequestResult& result);
  // One that was admitted as kSeen has its turn.
  void repeated(const command::Origin& origin);

  struct Answer {
    raft::Index index;  // of the entry that was applied
    command::RequestResult result;
  };
  // What the write of `origin` did; nullopt: that is not kept (any more).
  [[nodiscard]] std::optional<Answer> find(const command::Origin& origin) const;

  // The members are others now. Precondition, as of all that follow: all that was admitted is
  // applied.
  using IsMember = std::function<bool(raft::RaftId)>;
  void members_changed(const IsMember& is_member);

  [[nodiscard]] std::vector<SenderPosition> positions() const;
  // All results that are kept, and those among them that no journal has: they count as saved then.
  [[nodiscard]] std::vector<OutcomeRecord> records() const;
  [[nodiscard]] std::vector<OutcomeRecord> take_unsaved();
  [[nodiscard]] std::size_t record_bytes() const;
  [[nodiscard]] std::size_t unsaved_bytes() const;

  // Puts back what positions() and records() gave. A record that is no longer kept is ignored.
  void restore(const std::vector<SenderPosition>& positions);
  void restore(OutcomeRecord record, const Outcome& outcome);

 private:
  struct Kept {
    OutcomeRecord record;  // null until it is applied
    bool saved = false;
  };
  struct Sender {
    std::uint64_t epoch = 0;
    raft::Index begun;
    // Of entries that were admitted, and of those that were applied: what the second drops depends
    // on nothing that was admitted since.
    std::uint64_t admitted_below = 0;
    std::uint64_t answered_below = 0;
    std::map<std::uint64_t, Kept> kept;  // by number
    std::size_t bytes = 0;               // of their records
    std::size_t unsaved_bytes = 0;
  };

  [[nodiscard]] const Sender* find_sender(const command::Origin& origin) const;
  // Of its epoch, which has to be the newest.
  Sender& sender_of(const command::Origin& origin);
  [[nodiscard]] std::uint64_t answered_with(const command::Origin& origin) const;
  static void drop_below(Sender& sender, std::uint64_t number);
  [[nodiscard]] OutcomeRecord record_of(const command::Origin& origin, raft::Index index,
                                        const command::RequestResult& result,
                                        std::size_t bytes_left) const;

  const Limits limits_;
  std::map<raft::RaftId, Sender> senders_;
};

}  // namespace rqlite::store
