#pragma once

#include "base/bytes.h"
#include "raft/types.h"

namespace rqlite::raft {

// Carries messages between the members. Messages may be lost, doubled, late and out of order.
class Transport {
 public:
  virtual ~Transport() = default;

  // Does not block; `message` lives for the call only. A snapshot's message travels with its
  // content, and its outcome is always reported with Driver::report_snapshot(), also when it was
  // lost: the follower is not served again before.
  virtual void send(RaftId to, bool is_snapshot, BytesView message) = 0;
};

}  // namespace rqlite::raft
