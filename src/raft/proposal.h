#pragma once

#include "base/bytes.h"
#include "base/status.h"

namespace rqlite::raft {

// Something to be agreed on, and whoever waits for it.
//
// The driver owns it from propose() on. Either it reaches the state machine with its committed
// entry, or failed() is called, once; both on threads of the driver's choice.
class Proposal {
 public:
  virtual ~Proposal() = default;

  // What goes into the log. Stable for the proposal's life.
  [[nodiscard]] virtual BytesView data() const = 0;

  // Its entry is committed and about to reach the state machine. On the driver's thread.
  virtual void committed() {}

  // It will not be applied with this proposal. kUnknown: the entry may still be committed, and be
  // applied without a proposal. Any other code: it never will be.
  virtual void failed(const Status& why) = 0;
};

}  // namespace rqlite::raft
