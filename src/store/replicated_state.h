#pragma once

#include <map>
#include <string>

#include "raft/types.h"
#include "store/writer.h"

namespace rqlite::store {

// How a member is known to people and reached by other members.
struct Member {
  std::string node_id;
  std::string raft_address;

  friend bool operator==(const Member&, const Member&) = default;
};

// What is replicated but is not the user's, as of the last applied entry. It changes on the apply
// thread alone and is stored with every snapshot.
struct ReplicatedState {
  std::string cluster_id;  // random, made when the cluster was founded
  std::map<raft::RaftId, Member> members;
  SessionState session;

  friend bool operator==(const ReplicatedState&, const ReplicatedState&) = default;
};

}  // namespace rqlite::store
