#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "raft/types.h"
#include "store/forwarded_writes.h"
#include "store/outcome_journal.h"
#include "store/stream_table.h"
#include "store/writer.h"

namespace rqlite::store {

// How a member is known to people and reached by other members.
struct Member {
  std::string node_id;
  std::string raft_address;
  bool wants_vote = true;  // or is to stay a learner, a copy that only reads

  friend bool operator==(const Member&, const Member&) = default;
};

// How far the file has come that comes through the log in pieces, to replace the database. What
// there is of it is on this node's disk, durably.
struct IncomingFile {
  std::uint64_t file = 0;
  std::uint64_t bytes = 0;
  raft::Term term;  // of the leader that sends it; nobody else goes on with it

  friend bool operator==(const IncomingFile&, const IncomingFile&) = default;
};

// What is replicated but is not the user's, as of the last applied entry. It changes on the apply
// thread alone and is stored with every snapshot.
struct ReplicatedState {
  std::string cluster_id;  // random, made when the cluster was founded
  std::map<raft::RaftId, Member> members;
  SessionState session;
  std::optional<IncomingFile> incoming;
  // Of a snapshot only; meanwhile Outcomes has them.
  std::vector<StreamPosition> streams;
  std::vector<SenderPosition> senders;
  OutcomeJournal::Extent journal;

  friend bool operator==(const ReplicatedState&, const ReplicatedState&) = default;
};

}  // namespace rqlite::store
