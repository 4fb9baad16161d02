#pragma once

#include <map>
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

// What is replicated but is not the user's, as of the last applied entry. It changes on the apply
// thread alone and is stored with every snapshot.
struct ReplicatedState {
  std::string cluster_id;  // random, made when the cluster was founded
  std::map<raft::RaftId, Member> members;
  SessionState session;
  // Of a snapshot only; meanwhile Outcomes has them.
  std::vector<StreamPosition> streams;
  std::vector<SenderPosition> senders;
  OutcomeJournal::Extent journal;

  friend bool operator==(const ReplicatedState&, const ReplicatedState&) = default;
};

}  // namespace rqlite::store
