#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "store/store.h"

namespace rqlite::cluster {

// What changing the members takes of this node's store: who takes part, and the agreement on that.
// Threads: any.
class Group {
 public:
  virtual ~Group() = default;
  [[nodiscard]] virtual raft::RaftId raft_id() = 0;
  [[nodiscard]] virtual std::optional<store::Store::Leader> leader() = 0;
  [[nodiscard]] virtual store::Membership membership() = 0;
  [[nodiscard]] virtual raft::Core::Status raft_status() = 0;
  // As the methods of Store and Consensus with these names. What is called back may come on this
  // stack, or later on any thread.
  virtual void change_members(raft::ChangeKind kind, const store::MembershipChange& change,
                              store::Store::Done done) = 0;
  virtual void matches(std::vector<raft::RaftId> members,
                       std::function<void(const store::Consensus::Matches&)> then) = 0;
  virtual void when_applied(raft::Index index, Nanos timeout, store::Store::Done then) = 0;
  virtual void transfer(raft::RaftId to) = 0;
  virtual void leaves_as_leader() = 0;
  // Asks a majority whether this node leads.
  virtual void confirm(std::unique_ptr<raft::Read> read) = 0;
};

}  // namespace rqlite::cluster
