#pragma once

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "raft/core.h"
#include "raft/proposal.h"
#include "raft/types.h"

namespace rqlite::raft {

// A committed entry on its way to the state machine.
struct Committed {
  Index index;
  Term term;
  EntryKind kind = EntryKind::kNormal;
  std::unique_ptr<Proposal> proposal;  // if this node proposed it and still waits
  Bytes data;                          // empty if there is a proposal, which has it
  // Of a change of members only: who takes part from here on, and what came with the change.
  Bytes conf_state;
  Bytes context;

  [[nodiscard]] BytesView payload() const { return proposal ? proposal->data() : data; }
};

// What the log drives. All calls come from the driver's thread and must not block, except
// restore().
class StateMachine {
 public:
  virtual ~StateMachine() = default;

  // Entries that follow the last ones, in order. To be applied in the background; whoever does it
  // reports each step with Driver::applied(). The driver keeps the bytes of what is handed out
  // and not yet reported within Options::unapplied_bytes_max, except that one entry may pass it.
  virtual void apply(std::vector<Committed> entries) = 0;

  // Replaces everything with the content that `snapshot` stands for, durably. What was handed to
  // apply() before is void. The content is already on this node. An error stops the driver.
  virtual Status restore(const Snapshot& snapshot) = 0;

  // A follower needs a newer snapshot than the last one taken.
  virtual void snapshot_wanted() = 0;

  // Why entries that are handed out cannot be applied for now, such as a full disk; ok if they can.
  [[nodiscard]] virtual Status stalled() = 0;

  // Role, term or leader changed.
  virtual void status_changed(const Core::Status& status) = 0;
};

}  // namespace rqlite::raft
