#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace rqlite::raft {

// A number that is not to be mixed up with another kind: explicit in both directions.
template <typename Tag>
class Number {
 public:
  constexpr Number() = default;
  constexpr explicit Number(std::uint64_t value) : value_(value) {}

  [[nodiscard]] constexpr std::uint64_t value() const noexcept { return value_; }
  [[nodiscard]] constexpr Number next() const noexcept { return Number(value_ + 1); }
  [[nodiscard]] std::string to_string() const { return std::to_string(value_); }

  friend constexpr auto operator<=>(Number, Number) = default;

 private:
  std::uint64_t value_ = 0;
};

// Position in the replicated log, from 1; 0 means none.
using Index = Number<struct IndexTag>;
// Raft's logical time; 0 is before the first election.
using Term = Number<struct TermTag>;
// A member's identity inside Raft: random, made with its data directory, never used twice.
using RaftId = Number<struct RaftIdTag>;

enum class EntryKind : std::uint8_t {
  kNormal = 0,  // a command; empty for the entry with which a leader begins its term
  kChange = 1,  // a change of members, encoded by the core
};

struct EntryView {
  Index index;
  Term term;
  EntryKind kind = EntryKind::kNormal;
  BytesView data;
};

// What a node must never forget: it votes once in a term. `commit` is a hint; it may lag.
struct HardState {
  Term term;
  RaftId vote;
  Index commit;

  friend bool operator==(const HardState&, const HardState&) = default;
};

// Where a state machine's content stands, without the content itself: `data` tells the receiver
// how to fetch it. `conf_state` is the encoded set of members as of `index`.
struct Snapshot {
  Index index;
  Term term;
  Bytes conf_state;
  Bytes data;
};

}  // namespace rqlite::raft
