#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command/command.h"
#include "raft/types.h"
#include "store/outcome.h"

namespace rqlite::store {

// Where the stream of a write queue stands, as a snapshot keeps it.
struct StreamPosition {
  std::string node_id;
  raft::RaftId member;
  std::uint64_t epoch = 0;
  std::uint64_t last = 0;           // highest number applied
  raft::Index begun;                // of the entry with its first batch
  raft::Index used;                 // of the entry with its last batch
  std::uint64_t failures_from = 0;  // which of lower numbers failed is forgotten

  friend bool operator==(const StreamPosition&, const StreamPosition&) = default;
};

// Which batches of which write queues were applied, and which of their requests failed. With it
// a batch may be proposed again, whatever became of it: it is applied once, after those before it.
// Of a node's streams only the one that began last takes batches: what a process left on its way
// when it died (its host goes on to send what it had written to a connection) must not come after
// what the next one wrote.
//
// Part of the replicated state: every member's changes alike with every entry. Streams are
// forgotten by a rule that depends on nothing else: of a member's streams the four that were used
// last are kept, and of those of nodes that are no members the 64 that were used last, for whoever
// asks what became of a request. Of each stream the newest failures are kept, 10,000 and 4 MiB at
// most. Not thread-safe.
class StreamTable {
 public:
  // The member with that node id, if there is one.
  using MemberOf = std::function<std::optional<raft::RaftId>(std::string_view node_id)>;

  enum class Admission {
    kNew,    // is to be applied
    kSeen,   // was applied before
    kEarly,  // those before it are missing: is not to be applied
    kLate,   // its queue has been started anew, or its node replaced: is never to be applied
  };
  // The next entry holds a batch of `requests` at `place`. After kNew, applied() has to follow, in
  // the same order.
  Admission admit(const command::StreamPlace& place, std::size_t requests, raft::Index index,
                  const MemberOf& member_of);

  // What a batch that was admitted as kNew did. Returns the records of the failures that are kept.
  std::vector<OutcomeRecord> applied(const command::StreamPlace& place, raft::Index index,
                                     const std::vector<command::RequestResult>& results);

  struct Verdict {
    enum class State { kUnknown, kApplied, kFailed } state = State::kUnknown;
    Bytes result;  // of a failure, as command::encode_result() gives it
  };
  // What became of the request with `number` in the streams of `node_id`. kUnknown: it was never
  // applied, or it is too long ago to tell.
  [[nodiscard]] Verdict verdict(const std::string& node_id, std::uint64_t number) const;

  // Precondition: all that was admitted is applied.
  [[nodiscard]] std::vector<StreamPosition> positions() const;
  // All failures that are kept, those of one stream in order.
  [[nodiscard]] std::vector<OutcomeRecord> records() const;
  [[nodiscard]] std::size_t record_bytes() const;

  // Puts back what positions() and records() gave. A record that is no longer kept is ignored.
  void restore(const std::vector<StreamPosition>& positions);
  void restore(OutcomeRecord record, const Outcome& outcome);

 private:
  struct Failure {
    std::uint64_t number;
    OutcomeRecord record;
  };
  struct Stream {
    raft::RaftId member;
    std::uint64_t admitted = 0;
    std::uint64_t last = 0;
    raft::Index begun;
    raft::Index used;
    std::uint64_t failures_from = 0;
    std::deque<Failure> failures;
    std::size_t bytes = 0;  // of their records
  };
  using Streams = std::map<std::uint64_t, Stream>;  // of one node, by epoch

  Stream* find(const command::StreamPlace& place);
  // Whether a stream of that node has begun that ends the one of `place`.
  [[nodiscard]] bool is_late(const command::StreamPlace& place, const MemberOf& member_of) const;
  static void keep(Stream& stream, Failure failure);
  void forget(const MemberOf& member_of);

  std::map<std::string, Streams, std::less<>> nodes_;
};

}  // namespace rqlite::store
