#pragma once

#include <cstdint>
#include <vector>

#include "command/command.h"
#include "store/outcome.h"
#include "store/snapshot_record.h"

namespace rqlite::store {

// A snapshot that another member took, with all that belongs to it on this node's disk.
struct ReceivedSnapshot {
  SnapshotRecord record;            // the sender's, complete
  std::vector<OutcomeRecord> kept;  // what its journal held
  command::Replacement file;        // its main file, which was set aside here, durably
};

}  // namespace rqlite::store
