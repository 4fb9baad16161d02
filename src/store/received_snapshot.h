#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "command/command.h"
#include "store/outcome.h"
#include "store/snapshot_record.h"

namespace rqlite::store {

// A snapshot that another member took, with all that belongs to it on this node's disk.
struct ReceivedSnapshot {
  SnapshotRecord record;            // the sender's, complete
  std::vector<OutcomeRecord> kept;  // what its journal held
  // Its main file, which was set aside here, durably; none: the database stays as it is.
  std::optional<command::Replacement> file;
};

}  // namespace rqlite::store
